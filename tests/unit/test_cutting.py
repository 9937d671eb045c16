"""Cutting off the loop: where which text is cut, how many at once, and what cancelling leaves behind."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inferd import cutting
from inferd.aside import Aside
from inferd.chunking import process, worker
from inferd.chunking.chunk import Chunk
from inferd.chunking.passages import chunk
from inferd.chunking.settings import DEFAULT
from inferd.chunking.worker import MOST_HERE
from inferd.cutting import MOST_INLINE, MOST_PROCESSES, Cutter
from inferd.errors import IllegalArgument, StatusFailure
from inferd.schema.chunking import NoneSettings, RecursiveSettings

LONG = "One two three. " * 4_000


@pytest.fixture
async def cutter() -> AsyncIterator[Cutter]:
    aside = Aside()
    cutter = Cutter(aside)
    yield cutter
    cutter.close()
    aside.close()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads in which this process itself has cut, in order."""
    used: list[threading.Thread] = []
    plain = cutting._cut

    def noted(*args: Any) -> list[list[Chunk]]:
        used.append(threading.current_thread())
        return plain(*args)

    monkeypatch.setattr(cutting, "_cut", noted)
    return used


async def test_short_texts_are_cut_at_once_when_icu_is_there(cutter: Cutter, threads: list[threading.Thread]) -> None:
    for _ in range(2):
        assert await cutter.cut(["Hello.", ""], DEFAULT) == [chunk("Hello.", DEFAULT), chunk("", DEFAULT)]
    main = threading.main_thread()
    assert [thread is main for thread in threads] == [False, True]


@pytest.mark.parametrize(
    ("text", "settings"), [("a " * MOST_INLINE, DEFAULT), ("a b", RecursiveSettings(10, ("b",)))]
)
async def test_what_may_take_a_while_is_cut_in_a_thread(
    cutter: Cutter, threads: list[threading.Thread], text: str, settings: Any
) -> None:
    for _ in range(2):
        assert await cutter.cut([text], settings) == [chunk(text, settings)]
    assert threading.main_thread() not in threads and len(threads) == 2


async def test_long_texts_are_cut_in_a_process(cutter: Cutter, threads: list[threading.Thread]) -> None:
    assert len(LONG) > MOST_HERE
    assert await cutter.cut(["Hello.", LONG], DEFAULT) == [chunk("Hello.", DEFAULT), chunk(LONG, DEFAULT)]
    assert threads == []


async def test_a_pattern_that_runs_away_is_the_callers_fault(cutter: Cutter) -> None:
    with pytest.raises(IllegalArgument, match="has exceeded the character read limit"):
        await cutter.cut(["a " * 100_000], RecursiveSettings(10, ("(?>[^b]*)b",)))


async def test_no_process_can_be_started(cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "COMMAND", ("/nonexistent",))
    with pytest.raises(StatusFailure, match="No process could be started"):
        await cutter.cut([LONG], DEFAULT)


class Gate:
    """Stands in for processes: each one says that it began and runs until it is ended or let go."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended = 0
        self.changed = threading.Semaphore(0)

    async def begins(self) -> None:
        """Returns once one more has begun."""
        await asyncio.to_thread(self.changed.acquire)

    def make(self) -> "GatedProcess":
        return GatedProcess(self)


class GatedProcess:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._over = threading.Event()

    def run(self, job: bytes) -> tuple[int | None, bytes]:
        self._gate.began.append(job.decode())
        self._gate.changed.release()
        self._over.wait()
        return 0, b""

    def end(self) -> None:
        if not self._over.is_set():
            self._gate.ended += 1
        self._over.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(cutting, "Process", gate.make)
    monkeypatch.setattr(worker, "is_needed", lambda *_: True)
    monkeypatch.setattr(worker, "job", lambda texts, _: texts[0].encode())
    return gate


async def test_they_wait_for_a_place_first_come_first_served(cutter: Cutter, gate: Gate) -> None:
    tasks = [asyncio.create_task(cutter.cut([name], NoneSettings())) for name in "abcd"]
    for _ in range(MOST_PROCESSES):
        await gate.begins()
    assert sorted(gate.began) == ["a", "b"]
    tasks[2].cancel()
    tasks[0].cancel()
    await gate.begins()
    assert gate.began[2:] == ["d"]
    for task in tasks:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True))
    assert gate.ended == 3


async def test_the_time_is_set_around_it(cutter: Cutter, gate: Gate) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await cutter.cut(["a"], NoneSettings())
    assert gate.ended == 1


async def test_cancelling_kills_the_process(cutter: Cutter, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    alive = tmp_path / "alive"
    code = f"import os, time; os.mkfifo({str(alive)!r}); f = open({str(alive)!r}, 'w'); time.sleep(60)"
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-S", "-c", code))
    task = asyncio.create_task(cutter.cut([LONG], DEFAULT))
    while not alive.exists():
        await asyncio.sleep(0.01)
    with alive.open() as end:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Read to the end of what the process holds open: it is there once the process is gone.
        assert await asyncio.to_thread(end.read) == ""
