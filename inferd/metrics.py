"""What inferd counts and measures, for Prometheus: plain numbers in the loop, made text in small steps beside it.

Labels are bounded: routes and task types are inferd's own words, and an endpoint becomes a label only once it was found
in the store. Histograms have no endpoint label, for each would be some twenty series. The numbers are kept here and not
in prometheus-client's own counters, whose locks and checks cost a chat several times as much; it makes the text.
"""

import time
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from inferd.schema.inference import Trace

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# From one that is answered from memory to one that fills its whole time; seconds.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

# Samples made text in one step, some milliseconds of work: the loop waits for no longer.
_STEP = 64

_PROC = "/proc"

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


class _Count:
    """A number of requests."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class _Process(ProcessCollector):
    """Memory, descriptors and time of this process, in a sandbox too that hides ``/proc/stat`` (ProcSubset=pid)."""

    def _boot_time(self) -> float:
        # Without an answer here the collector says nothing at all.
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


class _Endpoint:
    """What was counted for one endpoint."""

    __slots__ = ("attempts", "retries", "tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.attempts = 0
        self.retries = 0
        self.tokens_in = 0
        self.tokens_out = 0


class _Times:
    """A histogram of seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.total = 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(_BUCKETS, seconds)] += 1
        self.total += seconds


class _Upstream(NamedTuple):
    """Where a request is counted that was sent on."""

    endpoint: _Endpoint
    queue_wait: _Times
    seconds: _Times
    first_chunk: _Times


# Method, route, class of the status, task type, endpoint.
_RequestLabels = tuple[str, str, str, str, str]


class _Kind(NamedTuple):
    """Where a request with certain labels is counted, found at once by these labels; ``upstream`` if it has a task."""

    requests: _Count
    seconds: _Times
    upstream: _Upstream | None


class Metrics:
    """Counts requests in the loop, and makes text of it elsewhere."""

    def __init__(self) -> None:
        self._requests: dict[_RequestLabels, _Kind] = {}
        self._endpoints: dict[str, _Endpoint] = {}
        self._times: dict[tuple[str, str], _Times] = {}
        self._process = CollectorRegistry()
        _Process(proc=_PROC, registry=self._process)

    def request(self, method: str, route: str, status: int, seconds: float, inference_id: str, trace: Trace) -> None:
        """One request has ended; of its endpoint only if that exists (``trace.task_type`` tells)."""
        task = trace.task_type or ""
        labels = (method, route, _CLASSES.get(status) or f"{status // 100}xx", task, inference_id if task else "")
        kind = self._requests.get(labels) or self._new_kind(labels)
        kind.requests.value += 1
        kind.seconds.note(seconds)
        if kind.upstream is not None and trace.attempts:
            endpoint, queue_wait, upstream, first_chunk = kind.upstream
            endpoint.attempts += trace.attempts
            endpoint.retries += trace.retries
            endpoint.tokens_in += trace.input_tokens
            endpoint.tokens_out += trace.output_tokens
            queue_wait.note(trace.queued)
            upstream.note(trace.upstream_time)
            if trace.first_chunk is not None:
                first_chunk.note(trace.first_chunk)

    def keep_only(self, inference_ids: Collection[str]) -> None:
        """Drops what was counted for endpoints that are no more."""
        gone = self._endpoints.keys() - set(inference_ids)
        if gone:
            for inference_id in gone:
                del self._endpoints[inference_id]
            self._requests = {labels: kind for labels, kind in self._requests.items() if labels[-1] not in gone}

    def text(self, now: Snapshot) -> Iterator[bytes]:
        """The whole exposition in pieces; each takes a millisecond or two to make, in whichever thread.

        Call it in the loop: the numbers are those of that moment.
        """
        requests = [(labels, kind.requests.value) for labels, kind in self._requests.items()]
        endpoints = [
            (name, known.attempts, known.retries, known.tokens_in, known.tokens_out)
            for name, known in self._endpoints.items()
        ]
        measured = [
            (labels, list(known.counts), known.total) for labels, known in self._times.items() if any(known.counts)
        ]
        return self._pieces(now, requests, endpoints, measured)

    def _new_kind(self, labels: _RequestLabels) -> _Kind:
        _, route, _, task, inference_id = labels
        upstream = None
        if task:
            times = [self._measured(name, task) for name in ("queue_wait", "upstream", "first_chunk")]
            upstream = _Upstream(self._endpoint(inference_id), *times)
        kind = self._requests[labels] = _Kind(_Count(), self._measured("request", route), upstream)
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

    def _pieces(
        self,
        now: Snapshot,
        requests: Sequence[tuple[_RequestLabels, int]],
        endpoints: Sequence[tuple[str, int, int, int, int]],
        measured: Sequence[tuple[tuple[str, str], list[int], float]],
    ) -> Iterator[bytes]:
        parts = (self._process.collect(), _counters(requests, endpoints), _histograms(measured), _gauges(now))
        for family in (family for part in parts for family in part):
            for first in range(0, len(family.samples), _STEP):
                some = Metric(family.name, family.documentation, family.type)
                some.samples = family.samples[first : first + _STEP]
                lines = generate_latest(_One(some))
                # Name and type of a metric are told once, before its first sample.
                yield lines if first == 0 else lines.split(b"\n", 2)[2]


def _counters(
    requests: Sequence[tuple[_RequestLabels, int]], endpoints: Sequence[tuple[str, int, int, int, int]]
) -> Iterator[Metric]:
    finished = CounterMetricFamily(
        "inferd_requests", "Finished requests.", labels=("method", "route", "status", "task", "endpoint")
    )
    for labels, count in requests:
        finished.add_metric(labels, count)
    yield finished
    attempts = CounterMetricFamily("inferd_upstream_attempts", "Requests sent to upstreams.", labels=("endpoint",))
    retries = CounterMetricFamily("inferd_upstream_retries", "Those sent once more.", labels=("endpoint",))
    tokens = CounterMetricFamily("inferd_tokens", "As the upstream counted them.", labels=("endpoint", "direction"))
    for name, attempted, retried, tokens_in, tokens_out in endpoints:
        attempts.add_metric((name,), attempted)
        retries.add_metric((name,), retried)
        tokens.add_metric((name, "input"), tokens_in)
        tokens.add_metric((name, "output"), tokens_out)
    yield from (attempts, retries, tokens)


_HISTOGRAMS = {
    "request": ("route", "From a request's arrival to its end."),
    "queue_wait": ("task", "Waiting for a place at the rate limit."),
    "upstream": ("task", "Waiting for the heads of upstream answers."),
    "first_chunk": ("task", "From a request's arrival to its first event."),
}
_BOUNDS = (*(str(bound) for bound in _BUCKETS), "+Inf")


def _histograms(measured: Sequence[tuple[tuple[str, str], list[int], float]]) -> Iterator[Metric]:
    for name, (label, told) in _HISTOGRAMS.items():
        family = HistogramMetricFamily(f"inferd_{name}_seconds", told, labels=(label,))
        for (measure, value), counts, total in measured:
            if measure == name:
                below = accumulate(counts)
                family.add_metric((value,), list(zip(_BOUNDS, below, strict=True)), total)
        yield family


class _One:
    """A registry of one metric: prometheus-client makes text of registries only."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


_GAUGES = {
    "open_requests": "Requests being served.",
    "open_streams": "Streams being sent.",
    "endpoints": "Endpoints in the store.",
    "loop_lag_seconds": "How late the event loop was, at worst in ten seconds.",
    "draining": "1 while the daemon stops.",
    "upstream_connections_leased": "Connections to upstreams in use.",
    "upstream_connections_available": "Connections to upstreams in the pool.",
    "upstream_connections_pending": "Requests that wait for a connection.",
}


def _gauges(now: Snapshot) -> Iterator[Metric]:
    info = GaugeMetricFamily("inferd_build_info", "The version that runs.", labels=("version",))
    info.add_metric((now.version,), 1)
    yield info
    for name, told in _GAUGES.items():
        yield GaugeMetricFamily(f"inferd_{name}", told, value=now.numbers[name])
    queues = GaugeMetricFamily("inferd_queue_depth", "Requests that wait for a place.", labels=("endpoint",))
    for inference_id, waiting in now.queues:
        queues.add_metric((inference_id,), waiting)
    yield queues
    upstreams = GaugeMetricFamily("inferd_upstream_up", "Whether the last call succeeded.", labels=("endpoint",))
    for inference_id, well in now.upstreams:
        upstreams.add_metric((inference_id,), well)
    yield upstreams
