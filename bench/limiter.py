"""The limiter against the clock: rate kept, order kept, CPU spent. Run by hand: ``python bench/limiter.py [seconds]``.

Each line drains the bucket first, lets a number wait, replaces every one served by a newcomer, and counts for some
seconds. ``rate`` is what was given, in per cent of what was asked for; ``over`` is by how many places the fullest
window lay above the rate, to be at most the bucket (1) and its spare; ``CPU`` is what one waiter costs from its task's
birth to its end. Last the path on which nobody waits.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop
from aiolimiter import AsyncLimiter

from inferd.ratelimit.bucket import LATENESS
from inferd.ratelimit.limit import RateLimit

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
RATES = (60, 600, 6_000, 60_000)
WAITERS = (1, 100, 5_000)
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@dataclass
class Waiters:
    """So many wait at every moment, each a task of its own."""

    limit: RateLimit
    served: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    born: int = 0

    def come(self) -> None:
        """One more waits."""
        task = asyncio.create_task(self._wait(self.born))
        self.born += 1
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _wait(self, number: int) -> None:
        await self.limit.acquire()
        self.served.append(number)
        self.times.append(time.perf_counter())
        self.come()

    async def leave(self) -> None:
        """All who still wait give up."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def drained(requests_per_minute: int, burst: int) -> RateLimit:
    """A limit whose bucket is used up."""
    limit = RateLimit("bench", requests_per_minute, burst=burst, queue_capacity=0)
    while limit.estimate() == 0:
        await limit.acquire()
    return limit


def excess(times: list[float], per_second: float) -> float:
    """By how many places the fullest window lay above the rate."""
    worst = lowest = float("inf")
    worst = -worst
    for index, at in enumerate(times):
        lowest = min(lowest, index - per_second * at)
        worst = max(worst, index + 1 - per_second * at - lowest)
    return worst


async def line(loop: str, requests_per_minute: int, burst: int, count: int) -> None:
    """Measure one case and print it."""
    waiters = Waiters(await drained(requests_per_minute, burst))
    cpu = time.process_time()
    for _ in range(count):
        waiters.come()
    # The first second is for those who come all at once; the slow rates need longer for a fair count.
    await asyncio.sleep(1)
    first = len(waiters.served)
    await asyncio.sleep(max(SECONDS, 8 * 60 / requests_per_minute))
    spent = time.process_time() - cpu
    # From one place given to another: else half a place at either end is 6 % of a slow rate.
    times = waiters.times[max(0, first - 1) :]
    rate = 60 * (len(times) - 1) / (times[-1] - times[0])
    order = "yes" if waiters.served == list(range(len(waiters.served))) else "NO"
    over = excess(times, requests_per_minute / 60)
    await waiters.leave()
    cost = spent / max(1, waiters.born) * 1e6
    print(
        f"| {loop:7} | {burst or 'full':>5} | {requests_per_minute:>6} | {count:>7} | {rate:>8.1f} "
        f"| {100 * rate / requests_per_minute:>6.2f} % | {over:>5.2f} "
        f"| {order:>5} | {cost:>7.0f} us | {spent:>5.2f} s |",
        flush=True,
    )


async def free_path(loop: str, calls: int = 200_000) -> None:
    """Print what a place costs when nobody waits, beside the bare limiter of aiolimiter."""
    for name, acquire in (
        ("bare AsyncLimiter", AsyncLimiter(10**12).acquire),
        ("full bucket", RateLimit("bench", 10**12).acquire),
        ("bucket with spare", RateLimit("bench", 10**12, burst=10**6).acquire),
    ):
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(calls // 5):
                await acquire()
            best = min(best, (time.perf_counter() - start) / (calls // 5))
        print(f"{loop:7} {name:18} {best * 1e6:.2f} us", flush=True)


def main() -> None:
    """Print the table."""
    print(f"bursts: full bucket, and 1 with a spare of {LATENESS * 1000:.0f} ms; {SECONDS:.0f} s a line or 8 places")
    print("| loop    | burst |  asked | waiters | measured |     rate |  over | order | CPU/waiter |     CPU |")
    for loop, factory in LOOPS.items():
        with asyncio.Runner(loop_factory=factory) as runner:
            for burst in (0, 1):
                for requests_per_minute in RATES:
                    for count in WAITERS:
                        runner.run(line(loop, requests_per_minute, burst, count))
            runner.run(free_path(loop))


if __name__ == "__main__":
    main()
