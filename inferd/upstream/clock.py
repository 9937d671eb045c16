"""Ends waits whose time is over, with one timer for all of them."""

import asyncio
import math
from typing import Protocol

# Seconds between two looks at who waits. The first of a time-out comes to the moment; where many end in a row, and
# each look goes through all who wait, some come so much later.
SHORTEST_PAUSE = 0.005


class Waiting(Protocol):
    """Who waits: ``until`` in seconds of the loop's clock, infinite for no end."""

    until: float

    def expire(self) -> None:
        """Its time is over."""
        ...


class Clock:
    """Tells those who wait when their time is over; to be made inside the running loop.

    Nearly every wait ends long before its time. So a wait costs no timer, only a place among those who wait: the one
    timer that runs is set for the earliest end that was known when it was set, and finds the next one when it fires.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None
        # When the timer fires; infinite while there is none.
        self._due = math.inf

    def watch(self, waiting: Waiting) -> None:
        """From now on, until ``forget``; call it again when ``until`` has become earlier. ``expire`` also ends it."""
        self._waiting.add(waiting)
        if waiting.until < self._due:
            self._set(waiting.until)

    def forget(self, waiting: Waiting) -> None:
        """It waits no more."""
        self._waiting.discard(waiting)

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = None, math.inf

    def _set(self, due: float) -> None:
        self.close()
        self._due = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        # A timer may fire within the clock's grain before it is due.
        now = max(self._loop.time(), self._due)
        self._timer, self._due = None, math.inf
        for waiting in [each for each in self._waiting if each.until <= now]:
            self._waiting.discard(waiting)
            waiting.expire()
        earliest = min((each.until for each in self._waiting), default=math.inf)
        if earliest < math.inf:
            self._set(max(earliest, now + SHORTEST_PAUSE))


class Limit:
    """TimeoutError if what the current task does inside is not done by ``until``; ``expired`` says whether it was.

    It is asyncio.timeout_at by ``clock``: a timer of its own took as long as a third of all a new connection takes.
    """

    __slots__ = ("_cancelled", "_clock", "_task", "expired", "until")

    def __init__(self, clock: Clock, until: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.until = until
        self.expired = False
        self._clock = clock
        self._task = task
        # By others: their word counts more.
        self._cancelled = task.cancelling()

    def __enter__(self) -> "Limit":
        self._clock.watch(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, *_: object) -> None:
        self._clock.forget(self)
        if self.expired and self._task.uncancel() <= self._cancelled and kind is asyncio.CancelledError:
            raise TimeoutError from problem

    def expire(self) -> None:
        """See Waiting."""
        self.expired = True
        self._task.cancel()
