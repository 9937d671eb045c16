"""The bucket: an aiolimiter AsyncLimiter that tells how full it is and makes up for late timers."""

import math

# Not from the package itself: see inferd.serve.
from aiolimiter.leakybucket import AsyncLimiter

# Seconds of late timers that a small bucket makes up for. Timers are a millisecond late at best and some more beside
# busy streams; a loop that stands still longer than this has lost its turns for good rather than sent them in a heap.
LATENESS = 0.05

# Seconds within which one who was served asks again, if it has nothing else to do. The clock of uvloop has a grain of
# a millisecond, and other tasks take their turns in between.
BACK_WITHIN = 0.005


class Bucket(AsyncLimiter):
    """An AsyncLimiter that tells how much of it is used, and makes up for late timers.

    ``burst`` 0 is ``AsyncLimiter(requests_per_minute, 60)``; any other is a bucket of that size, never above
    ``requests_per_minute``. A bucket of one forgets what leaks between the moment its timer is due and the moment it
    fires: 6,000 a minute become 5,800. So a small bucket is made larger by ``spare``, ``LATENESS`` seconds' worth, and
    leaks slower by its whole places a minute (0.08 %): over any 60 seconds ``size + requests_per_minute`` are given at
    most. The spare counts as used when nobody waits, nor has within the last ``BACK_WITHIN`` seconds: one who asks
    again as soon as it was served waits all the time, too.

    It must be made and used inside the running loop. ``_leak``, ``_level`` and ``_last_check`` are aiolimiter's own: in
    public it only tells whether an amount fits, and neither carrying a level over nor telling a wait can be built on
    that.
    """

    __slots__ = ("_waited_at", "burst", "rate", "requests_per_minute", "size", "spare")

    def __init__(self, requests_per_minute: int, burst: int = 0) -> None:
        self.requests_per_minute = requests_per_minute
        self.burst = burst
        self.size = min(burst, requests_per_minute) if burst else requests_per_minute
        self.spare = max(0.0, 1 + requests_per_minute / 60 * LATENESS - self.size) if burst else 0.0
        self.rate = (requests_per_minute - int(self.spare)) / 60
        super().__init__(self.size + self.spare, (self.size + self.spare) / self.rate)
        # The first leak starts the parent's clock: a level set before that would leak since the loop's time 0.
        self._leak()
        self._level = self.spare
        self._waited_at = -math.inf

    @property
    def used(self) -> float:
        """Places that have not leaked away yet."""
        return max(0.0, self.level - self.spare)

    @property
    def free(self) -> float:
        """Places that could be given at once."""
        return self.size - self.used

    @property
    def level(self) -> float:
        """The parent's level at this moment, ``spare`` included."""
        self._leak()
        return self._level

    def wait(self, places: int) -> float:
        """Seconds until ``places`` more could have been given, 0.0 if that is now."""
        return max(0.0, self.level + places - self.max_rate) / self.rate

    def fill(self, places: float) -> None:
        """Count ``places`` more as used, as many as fit."""
        self._level = min(self.level + places, self.max_rate)

    def charge(self) -> None:
        """Count a place as used that was given elsewhere, above the brim if need be: it must leak first, too."""
        self._level = self.level + 1

    def try_take(self) -> bool:
        """Take a place that was not waited for, if one is free."""
        self._leak()
        level = self._level
        if level + 1 > self.max_rate:
            return False
        if level < self.spare and self._last_check - self._waited_at > BACK_WITHIN:
            level = self.spare
        self._level = level + 1
        return True

    async def take(self) -> None:
        """Take a place, a free one, that had to be waited for."""
        await self.acquire()
        self._waited_at = self._last_check
