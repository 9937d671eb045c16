"""An event loop whose clock jumps to the next timer as soon as nothing else is left to do: hours pass in no time."""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Seconds that every turn of the loop takes. Without it a timer set "now" by a rounding error would fire for ever.
TURN = 1e-9


class Deadlock(AssertionError):
    """Everyone waits, no timer runs: somebody was not woken."""


class _Clock(selectors.SelectSelector):
    """The selector of a loop that talks to nobody: it does not wait, it moves the clock on."""

    def __init__(self, grain: float) -> None:
        super().__init__()
        self.now = 1_000.0
        self.grain = grain

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("nothing left to wait for")
        self.now += TURN
        if timeout > 0:
            due = self.now + timeout
            self.now = math.ceil(due / self.grain) * self.grain if self.grain else due
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop for timers only. With a ``grain`` (seconds) it wakes at its multiples, late as a real one does."""

    _scheduled: list[asyncio.TimerHandle]  # asyncio's own, where all timers of a loop are

    def __init__(self, grain: float = 0.0) -> None:
        self._clock = _Clock(grain)
        self.delays: list[float] = []
        super().__init__(self._clock)

    def time(self) -> float:
        """The virtual clock, in seconds."""
        return self._clock.now

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: Unpack[Ts], context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Set a timer, and keep for how many seconds in ``delays``."""
        self.delays.append(when - self.time())
        return super().call_at(when, callback, *args, context=context)

    @property
    def timers(self) -> int:
        """How many timers run."""
        return sum(not timer.cancelled() for timer in self._scheduled)

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as if this turn had taken so long."""
        self._clock.now += seconds

    def call_after_next_timer(self, callback: Callable[[], object]) -> None:
        """Call back in the same turn as the timer that is due next, right after it."""
        self.call_at(math.nextafter(min(timer.when() for timer in self._scheduled), math.inf), callback)


def virtual_loop() -> VirtualLoop:
    """The loop that runs this test."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def run(scenario: Coroutine[Any, Any, T], *, grain: float = 0.0) -> T:
    """Run a scenario in virtual time; it fails as a Deadlock when it waits for what will never come."""
    # asyncio's debug mode notes a stack for every task and timer: with thousands of each, minutes instead of seconds.
    with asyncio.Runner(debug=False, loop_factory=lambda: VirtualLoop(grain)) as runner:
        return runner.run(scenario)
