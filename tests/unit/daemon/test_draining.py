"""The drain: what is waited for, what is cut, and when it is over."""

import asyncio
import io

import msgspec
import pytest

from inferd.config import Log as LogConfig
from inferd.daemon import draining
from inferd.daemon.acceptor import Acceptor
from inferd.daemon.draining import drain
from inferd.errors import Failure
from inferd.log import Log
from tests.served import Served


class Work:
    """An open request that ends when it is told to, or is cut."""

    def __init__(self, inferd: Served, *, stubborn: bool = False) -> None:
        self._open = inferd.parts.open
        self._stubborn = stubborn
        self.cut_by: Failure | None = None
        self._open.add(self)

    def end(self) -> None:
        """It is finished."""
        self._open.remove(self)

    def cut(self, failure: Failure) -> None:
        """See Cuttable."""
        self.cut_by = failure
        if not self._stubborn:
            asyncio.get_running_loop().call_soon(self.end)


class Stopped(Acceptor):
    """An acceptor that only remembers how it was stopped."""

    def __init__(self) -> None:
        self.take_waiting: bool | None = None

    def stop(self, *, take_waiting: bool) -> None:
        """See Acceptor."""
        self.take_waiting = take_waiting


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "ACCEPTED_GRACE", 0.01)
    monkeypatch.setattr(draining, "LAST_WORDS", 0.05)


async def _drain(inferd: Served, again: asyncio.Event | None = None, *, limit: float = 30.0) -> tuple[Stopped, str]:
    config = inferd.parts.config
    server = msgspec.structs.replace(config.server, drain_timeout=limit)
    inferd.parts.config = msgspec.structs.replace(config, server=server)
    acceptor, log = Stopped(), io.StringIO()
    async with asyncio.timeout(10):
        await drain(inferd.app, acceptor, again or asyncio.Event(), Log(LogConfig(), log), take_waiting=True)
    return acceptor, log.getvalue()


async def test_with_nothing_open_it_is_soon_over(inferd: Served) -> None:
    acceptor, log = await _drain(inferd)
    assert inferd.parts.draining and acceptor.take_waiting is True
    assert "stopping" in log and "not finished" not in log


async def test_open_requests_are_waited_for_also_those_that_begin_meanwhile(inferd: Served) -> None:
    first, later = Work(inferd), []
    loop = asyncio.get_running_loop()

    def replaced() -> None:
        first.end()
        later.append(Work(inferd))
        loop.call_later(0.05, later[0].end)

    loop.call_later(0.05, replaced)
    _, log = await _drain(inferd)
    assert "not finished" not in log
    assert first.cut_by is None and later[0].cut_by is None and not len(inferd.parts.open)


@pytest.mark.parametrize("stubborn", [False, True])
async def test_what_is_left_at_the_deadline_is_cut_with_a_word(inferd: Served, stubborn: bool) -> None:
    work = Work(inferd, stubborn=stubborn)
    _, log = await _drain(inferd, limit=0.05)
    assert work.cut_by is not None
    assert (work.cut_by.status, work.cut_by.headers) == (503, {"Retry-After": "1"})
    assert '"message":"ended what was not finished in time","open_requests":1' in log


async def test_a_second_signal_ends_it_now(inferd: Served) -> None:
    work, again = Work(inferd), asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, again.set)
    await _drain(inferd, again)
    assert work.cut_by is not None


async def test_at_the_deadline_there_may_be_nothing_left_to_cut(
    inferd: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "ACCEPTED_GRACE", 5.0)
    _, log = await _drain(inferd, limit=0.02)
    assert "not finished" not in log
