"""The limit of one inference id: its bucket, and the queue in front of it."""

import asyncio
import math
from collections import OrderedDict

from inferd.errors import EndpointNotFound, StatusFailure
from inferd.ratelimit.bucket import Bucket

# Shortest timer, seconds: the grain of both loops. uvloop fires one of less than half of it at once, its clock standing
# still meanwhile: the wait for half a millisecond would be spent at full speed. What comes late is made up for.
SHORTEST_TIMER = 0.001

# Longest Retry-After, seconds. The slowest rate, one a minute, frees a place by then; and of those who wait now most
# have given up (requests wait 30 s by default, 120 s for chat), so no promise about them reaches further.
LONGEST_PROMISE = 60.0


class QueueFull(StatusFailure):
    """The queue of an endpoint holds no more: 429, with the ``Retry-After`` (whole seconds) it was made with."""

    def __init__(self, inference_id: str, retry_after: int) -> None:
        super().__init__(
            f"Failed to execute task for inference id [{inference_id}] "
            f"because the request service [{inference_id}] queue is full",
            429,
            headers={"Retry-After": str(retry_after)},
        )


class RateLimit:
    """The limit of one inference id: places for upstream requests, given at its rate in the order they were asked for.

    Take it from ``RateLimits.of`` once for each request from a client, and keep it while that request runs.
    ``given`` counts the places given since it was made.
    """

    def __init__(
        self, inference_id: str, requests_per_minute: int, *, burst: int = 0, queue_capacity: int = 2000
    ) -> None:
        self.inference_id = inference_id
        self.given = 0
        self._queue_capacity = queue_capacity
        self._bucket = Bucket(requests_per_minute, burst)
        self._higher: Bucket | None = None
        self._charged = 0
        self._queue: OrderedDict[object, asyncio.Future[None]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._deletions = 0
        self._promised = 0.0

    def __repr__(self) -> str:
        free = int(self._bucket.free)
        return f"{self.inference_id}: {self.requests_per_minute}/min, {self.waiting} waiting, {free} free"

    @property
    def requests_per_minute(self) -> int:
        """The rate in force."""
        return self._bucket.requests_per_minute

    @property
    def waiting(self) -> int:
        """How many wait for a place; costs nothing to read."""
        return len(self._queue)

    def estimate(self) -> float:
        """Seconds until one who came now would have a place, if nobody before it gave up."""
        return self._bucket.wait(self.waiting + 1)

    async def acquire(self) -> None:
        """Take one place for one upstream request, waiting for it if need be; cancel the task to give up.

        Raises QueueFull when too many wait already, and EndpointNotFound when the endpoint is deleted meanwhile.
        """
        if not self.try_acquire():
            await self._wait()

    def try_acquire(self) -> bool:
        """Take one place if one is free and nobody waits for it; False otherwise."""
        if self._queue or not self._bucket.try_take():
            return False
        self.given += 1
        return True

    def change(
        self, requests_per_minute: int | None = None, *, burst: int | None = None, queue_capacity: int | None = None
    ) -> None:
        """Put other limits in force, for those who wait too; None leaves a value as it is. What is used stays used.

        A lowered ``queue_capacity`` sends nobody away who waits already.
        """
        if queue_capacity is not None:
            self._queue_capacity = queue_capacity
        old = self._bucket
        rate = old.requests_per_minute if requests_per_minute is None else requests_per_minute
        burst = old.burst if burst is None else burst
        if (rate, burst) != (old.requests_per_minute, old.burst):
            self._replace_bucket(rate, burst)

    def charge(self) -> None:
        """Count a place as given that a TrialLimit gave."""
        self.given += 1
        self._bucket.charge()

    def retire(self) -> None:
        """The endpoint is deleted: all who wait now get EndpointNotFound.

        Who asks later belongs to a request that was already running, and is served as ever.
        """
        self._deletions += 1
        gone, self._queue = self._queue, OrderedDict()
        for turn in gone.values():
            if not turn.done():
                turn.set_result(None)
        self._call_head()

    async def _wait(self) -> None:
        if self._queue_capacity and self.waiting >= self._queue_capacity:
            raise QueueFull(self.inference_id, self._retry_after())
        deletions, ticket = self._deletions, object()
        try:
            while True:
                # Who was called and finds the place gone, since the rate was lowered in between, keeps its position.
                turn = self._queue[ticket] = asyncio.get_running_loop().create_future()
                self._call_head()
                await turn
                if deletions != self._deletions:
                    raise EndpointNotFound.of(self.inference_id)
                if self._bucket.has_capacity():
                    await self._bucket.take()
                    self.given += 1
                    return
        finally:
            self._queue.pop(ticket, None)
            self._call_head()

    def _call_head(self) -> None:
        """Wake the first of the queue if there is a place for it, else set the timer for that, unless it runs.

        One that is awake already, or on its way out, will call the next itself.
        """
        head = next(iter(self._queue.values()), None)
        if head is None:
            self._stop_timer()
        elif not head.done() and self._timer is None:
            wait = self._bucket.wait(1)
            if wait:
                self._timer = asyncio.get_running_loop().call_later(max(wait, SHORTEST_TIMER), self._ring)
            else:
                head.set_result(None)

    def _ring(self) -> None:
        self._timer = None
        self._call_head()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _replace_bucket(self, requests_per_minute: int, burst: int) -> None:
        old, self._bucket = self._bucket, Bucket(requests_per_minute, burst)
        self._bucket.fill(self._carry(old, self._bucket))
        self._promised = 0.0
        self._stop_timer()
        self._call_head()

    def _carry(self, old: Bucket, new: Bucket) -> float:
        """How many places count as used in the bucket that follows ``old``.

        Those used in the old one, as many as fit. If that were all, lowering and raising the rate again would empty
        the bucket; so a copy of the larger one is kept, leaks on and is charged for whatever is given meanwhile, and
        until it is empty a rise gives no place that it would not have had.
        """
        used, higher = old.used, self._higher
        if higher is None:
            if new.size < old.size:
                self._higher = Bucket(old.requests_per_minute, old.burst)
                self._higher.fill(used)
        else:
            higher.fill(self.given - self._charged)
            used = max(used, min(new.size, higher.size) - higher.free)
            if new.size >= higher.size or not higher.used:
                self._higher = None
        self._charged = self.given
        return used

    def _retry_after(self) -> int:
        """Whole seconds, rounded up, after which the one turned away now is likely to find a place in the queue.

        A place in the queue comes free whenever its head is served. That place is promised to one only: the second
        one turned away is told of the second place, and so on up to the last of those who wait now, or to a minute.
        """
        bucket, now = self._bucket, asyncio.get_running_loop().time()
        first = now + bucket.wait(self.waiting - self._queue_capacity + 1)
        last = now + min(bucket.wait(self.waiting), LONGEST_PROMISE)
        self._promised = min(max(first, self._promised + 1 / bucket.rate), last)
        return max(1, math.ceil(self._promised - now))


class TrialLimit(RateLimit):
    """A limit at another rate than the one in force, for the request that tries out an endpoint with that rate.

    What is used of the limit in force is used here as well, and the place given here counts there. But nobody who waits
    there is served at a rate that may come to nothing, and the trial does not wait behind them.
    """

    def __init__(self, limit: RateLimit, requests_per_minute: int) -> None:
        super().__init__(limit.inference_id, requests_per_minute, burst=limit._bucket.burst)
        self._bucket.fill(limit._bucket.used)
        self._limit = limit

    def try_acquire(self) -> bool:
        """See RateLimit."""
        if self._limit.try_acquire():
            return True
        given = super().try_acquire()
        if given:
            self._limit.charge()
        return given

    async def _wait(self) -> None:
        await super()._wait()
        self._limit.charge()
