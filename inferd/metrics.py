"""What inferd counts and measures: plain numbers in the loop, of which ``inferd.exposition`` makes text beside it.

Labels are bounded: routes and task types are inferd's own words, and an endpoint becomes a label only once it was found
in the store. Histograms have no endpoint label, for each would be some twenty series. The numbers are kept here and not
in prometheus-client's own counters, whose locks and checks cost a chat several times as much.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from inferd.schema.inference import Trace

# From one that is answered from memory to one that fills its whole time; seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

# Times of one route that are kept before all are sorted: some tenths of a millisecond of work.
MAX_NOTED = 1_000

# Endpoints that are counted for; with more, most of them deleted ones, all counters of endpoints begin again.
MAX_ENDPOINTS = 10_000

# How statuses are told; 499 is that of a client that left before its answer (see inferd.rest.dispatch).
_CLASSES = {200: "2xx", 499: "left"}


class Snapshot(NamedTuple):
    """What is the case at the moment of a scrape, taken in the loop: nothing of it may change afterwards.

    ``queues`` are (inference id, waiting) and ``upstreams`` (inference id, whether it stands well).
    """

    version: str
    numbers: Mapping[str, float]
    queues: Collection[tuple[str, int]]
    upstreams: Collection[tuple[str, bool]]


# Method, route, class of the status, task type, endpoint.
RequestLabels = tuple[str, str, str, str, str]


class Counted(NamedTuple):
    """A copy of all counts, which changes no more.

    ``requests`` are (labels, how many), ``endpoints`` (inference id, attempts, retries, input tokens, output tokens),
    ``times`` ((what is measured, its label), how many in each of ``BUCKETS`` and above them, sum of the seconds).
    """

    requests: Sequence[tuple[RequestLabels, int]]
    endpoints: Sequence[tuple[str, int, int, int, int]]
    times: Sequence[tuple[tuple[str, str], Sequence[int], float]]


class _Endpoint:
    """What was counted for one endpoint."""

    __slots__ = ("attempts", "retries", "tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.attempts = 0
        self.retries = 0
        self.tokens_in = 0
        self.tokens_out = 0


class _Times:
    """A histogram of seconds; ``noted`` are those that are not sorted into it yet."""

    __slots__ = ("counts", "noted", "total")

    def __init__(self) -> None:
        # Numbers in arrays, not objects: one that is made amid a crowd holds the arena it lies in (see
        # inferd.daemon.free_lists).
        self.counts = array("Q", bytes(8 * (len(BUCKETS) + 1)))
        self.noted = array("d")
        self.total = array("d", (0.0,))

    def sort(self) -> None:
        """Sorts into the buckets what was noted: many at once take a quarter of what they would one by one."""
        noted, below = sorted(self.noted), 0
        for at, bound in enumerate((*BUCKETS, math.inf)):
            upto = bisect_right(noted, bound)
            self.counts[at] += upto - below
            below = upto
        self.total[0] += sum(noted)
        del self.noted[:]


class _Upstream:
    """Where a request is counted that was sent on: its endpoint, and lists that take its times."""

    __slots__ = ("endpoint", "first_chunk", "queue_wait", "seconds")

    def __init__(self, endpoint: _Endpoint, queue_wait: _Times, seconds: _Times, first_chunk: _Times) -> None:
        self.endpoint = endpoint
        self.queue_wait = queue_wait.noted
        self.seconds = seconds.noted
        self.first_chunk = first_chunk.noted


class _Kind:
    """Where a request with certain labels is counted, found at once by these labels; ``upstream`` if it has a task."""

    __slots__ = ("requests", "seconds", "upstream")

    def __init__(self, seconds: _Times, upstream: _Upstream | None) -> None:
        self.requests = 0
        self.seconds = seconds.noted
        self.upstream = upstream


class Metrics:
    """Counts requests, in the loop."""

    def __init__(self) -> None:
        self._requests: dict[RequestLabels, _Kind] = {}
        self._endpoints: dict[str, _Endpoint] = {}
        self._times: dict[tuple[str, str], _Times] = {}

    def request(self, method: str, route: str, status: int, seconds: float, inference_id: str, trace: Trace) -> None:
        """One request has ended; of its endpoint only if that exists (``trace.task_type`` tells)."""
        task = trace.task_type or ""
        labels = (method, route, _CLASSES.get(status) or f"{status // 100}xx", task, inference_id if task else "")
        kind = self._requests.get(labels) or self._new_kind(labels)
        kind.requests += 1
        kind.seconds.append(seconds)
        if len(kind.seconds) >= MAX_NOTED:
            self._sort()
        attempts, upstream = trace.attempts, kind.upstream
        if attempts and upstream is not None:
            endpoint = upstream.endpoint
            endpoint.attempts += attempts
            endpoint.retries += trace.retries
            endpoint.tokens_in += trace.input_tokens
            endpoint.tokens_out += trace.output_tokens
            upstream.queue_wait.append(trace.queued)
            upstream.seconds.append(trace.upstream_time)
            if trace.first_chunk is not None:
                upstream.first_chunk.append(trace.first_chunk)

    def keep_only(self, inference_ids: Collection[str]) -> None:
        """Drops what was counted for endpoints that are no more."""
        gone = self._endpoints.keys() - set(inference_ids)
        if gone:
            for inference_id in gone:
                del self._endpoints[inference_id]
            self._requests = {labels: kind for labels, kind in self._requests.items() if labels[-1] not in gone}

    def counted(self) -> Counted:
        """What was counted until now."""
        self._sort()
        return Counted(
            [(labels, kind.requests) for labels, kind in self._requests.items()],
            [
                (name, known.attempts, known.retries, known.tokens_in, known.tokens_out)
                for name, known in self._endpoints.items()
            ],
            [
                (labels, list(known.counts), known.total[0])
                for labels, known in self._times.items()
                if any(known.counts)
            ],
        )

    def _sort(self) -> None:
        for times in self._times.values():
            times.sort()

    def _new_kind(self, labels: RequestLabels) -> _Kind:
        _, route, _, task, inference_id = labels
        upstream = None
        if task:
            times = [self._measured(name, task) for name in ("queue_wait", "upstream", "first_chunk")]
            upstream = _Upstream(self._endpoint(inference_id), *times)
        kind = self._requests[labels] = _Kind(self._measured("request", route), upstream)
        return kind

    def _endpoint(self, inference_id: str) -> _Endpoint:
        counts = self._endpoints.get(inference_id)
        if counts is None:
            if len(self._endpoints) >= MAX_ENDPOINTS:
                self.keep_only(())
            counts = self._endpoints[inference_id] = _Endpoint()
        return counts

    def _measured(self, name: str, label: str) -> _Times:
        return self._times.setdefault((name, label), _Times())
