"""Tasks that ask a limit for places, and the record of who got one, when and in which order."""

import asyncio
from collections.abc import Iterable, Sequence

from inferd.ratelimit.limit import RateLimit


class Crowd:
    """Numbered askers before one limit; ``served`` and ``times`` grow in the order in which places are given."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.served: list[int] = []
        self.times: list[float] = []
        self.tasks: list[asyncio.Task[None]] = []

    def come(self, count: int = 1) -> list[asyncio.Task[None]]:
        """Let ``count`` more ask; they do so in the loop's next turn."""
        new = [asyncio.create_task(self._ask(len(self.tasks) + number)) for number in range(count)]
        self.tasks += new
        return new

    async def outcomes(self) -> list[BaseException | None]:
        """How each of them ended, once all have."""
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _ask(self, number: int) -> None:
        await self.limit.acquire()
        self.served.append(number)
        self.times.append(now())


def now() -> float:
    """The loop's clock, in seconds."""
    return asyncio.get_running_loop().time()


async def turns(count: int = 5) -> None:
    """Let the loop go round a few times, for everything that is due now to happen."""
    for _ in range(count):
        await asyncio.sleep(0)


def most_above(times: Sequence[float], per_second: float) -> float:
    """By how many places any window holds more than the rate alone allows: the burst that was really given.

    A window from the i-th to the j-th place holds j-i+1 and is worth ``per_second * (times[j] - times[i])``.
    """
    worst = lowest = -float("inf")
    for index, time in enumerate(times):
        lowest = max(lowest, per_second * time - index)
        worst = max(worst, index + 1 - per_second * time + lowest)
    return worst


def rising(numbers: Iterable[int]) -> bool:
    """Whether they come in the order they were given out."""
    found = list(numbers)
    return found == sorted(found)
