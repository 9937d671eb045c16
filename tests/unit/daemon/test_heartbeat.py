"""What the service manager hears, and when."""

import asyncio

import pytest

from inferd.daemon import heartbeat
from inferd.daemon.heartbeat import Heartbeat
from inferd.systemd import Notifier


class Heard(Notifier):
    """A notifier that remembers."""

    def __init__(self, *, there: bool = True) -> None:
        super().__init__("@there" if there else None)
        self.said: list[str] = []
        self.more = asyncio.Event()

    def _send(self, message: str, patience: float = 0.0) -> None:
        self.said.append(message)
        self.more.set()


async def _after(heard: Heard, count: int) -> None:
    async with asyncio.timeout(10):
        while len(heard.said) < count:
            heard.more.clear()
            await heard.more.wait()


async def test_the_watchdog_is_fed_and_a_status_told_when_it_is_new() -> None:
    heard, words = Heard(), ["a", "a", "b", "b"]
    with Heartbeat(heard, 0.03, lambda: words.pop(0) if len(words) > 1 else words[0]):
        await _after(heard, 7)
    meal = "WATCHDOG=1"
    assert heard.said[:7] == [meal, "STATUS=a", meal, meal, "STATUS=b", meal, meal]
    said = len(heard.said)
    await asyncio.sleep(0.05)
    assert len(heard.said) == said


async def test_without_a_watchdog_only_the_status_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "STATUS_INTERVAL", 0.01)
    heard, count = Heard(), iter(range(100))
    with Heartbeat(heard, None, lambda: str(next(count))):
        await _after(heard, 3)
    assert heard.said[:3] == ["STATUS=0", "STATUS=1", "STATUS=2"]


async def test_without_a_manager_there_is_no_timer() -> None:
    heard = Heard(there=False)
    with Heartbeat(heard, 0.01, lambda: "a"):
        await asyncio.sleep(0.03)
    assert heard.said == []
