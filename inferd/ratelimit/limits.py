"""The limits of all endpoints, those of the lately deleted included."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator

from inferd.ratelimit.limit import RateLimit, TrialLimit

# Seconds for which a deleted endpoint's bucket is remembered: by then it has leaked empty, whatever its rate.
MEMORY = 60.0

# Deleted endpoints remembered at most; more than anyone creates, uses and deletes within a minute by honest means.
MEMORY_SIZE = 10_000


class RateLimits:
    """The limits of all endpoints by inference id, and for a minute those of the deleted ones.

    ``burst`` (0: a minute's worth, 1: even spacing) and ``queue_capacity`` (0: no bound) hold for every endpoint.
    """

    def __init__(self, *, burst: int = 0, queue_capacity: int = 2000) -> None:
        self._burst = burst
        self._queue_capacity = queue_capacity
        self._living: dict[str, RateLimit] = {}
        self._deleted: OrderedDict[str, tuple[float, RateLimit]] = OrderedDict()

    def __iter__(self) -> Iterator[RateLimit]:
        """The limits of the endpoints that were used since the start, for metrics and diagnostics."""
        return iter(self._living.values())

    def of(self, inference_id: str, requests_per_minute: int) -> RateLimit:
        """The limit of an endpoint that exists, always the same one, from now on at ``requests_per_minute``.

        Ask inside the running loop, with the rate as it is stored now: an older one would be put in force again.
        """
        limit = self._living.get(inference_id)
        if limit is None:
            self._purge()
            _, limit = self._deleted.pop(inference_id, (0.0, None))
            if limit is None:
                limit = RateLimit(
                    inference_id, requests_per_minute, burst=self._burst, queue_capacity=self._queue_capacity
                )
            self._living[inference_id] = limit
        if limit.requests_per_minute != requests_per_minute:
            limit.change(requests_per_minute)
        return limit

    def of_trial(self, inference_id: str, requests_per_minute: int) -> RateLimit:
        """The limit for trying an endpoint out that is not stored yet.

        Where the endpoint has another rate now, that stays in force for all others: nothing may come of the new one.
        """
        limit = self._living.get(inference_id)
        if limit is None or limit.requests_per_minute == requests_per_minute:
            return self.of(inference_id, requests_per_minute)
        return TrialLimit(limit, requests_per_minute)

    def change(self, inference_id: str, requests_per_minute: int) -> None:
        """Put a rate in force for those who wait, too; nothing happens if nobody ever asked for this limit."""
        limit = self._living.get(inference_id)
        if limit is not None:
            limit.change(requests_per_minute)

    def delete(self, inference_id: str) -> None:
        """Send everyone away who waits for this endpoint; nothing happens if nobody ever asked for its limit."""
        limit = self.release(inference_id)
        if limit is not None:
            limit.retire()

    def release(self, inference_id: str) -> RateLimit | None:
        """The limit of an endpoint that is not to be, from now on remembered like that of a deleted one.

        Who waits for it still waits: that is another attempt to make the endpoint.
        """
        _, limit = self._deleted.pop(inference_id, (0.0, None))
        limit = self._living.pop(inference_id, limit)
        if limit is not None:
            self._deleted[inference_id] = (asyncio.get_running_loop().time() + MEMORY, limit)
            self._purge()
        return limit

    def reconfigure(self, *, burst: int, queue_capacity: int) -> None:
        """Put a reloaded configuration in force for all endpoints, at once."""
        self._burst = burst
        self._queue_capacity = queue_capacity
        for limit in (*self._living.values(), *(limit for _, limit in self._deleted.values())):
            limit.change(burst=burst, queue_capacity=queue_capacity)

    def _purge(self) -> None:
        """Forget those deleted too long ago, the oldest first; done when others come and go, so no task is needed."""
        now = asyncio.get_running_loop().time()
        while self._deleted:
            until, _ = next(iter(self._deleted.values()))
            if until > now and len(self._deleted) <= MEMORY_SIZE:
                return
            self._deleted.popitem(last=False)
