"""What was counted, as text for Prometheus, made in small steps beside the loop.

The library behind it is large and comes with servers of its own: this module is imported at the first scrape.
"""

import time
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from inferd.metrics import BUCKETS, Counted, Snapshot

# Samples made text in one step, some milliseconds of work: the loop waits for no longer.
_STEP = 64

_PROC = "/proc"


def text(counted: Counted, now: Snapshot) -> Iterator[bytes]:
    """The whole exposition in pieces; each takes a millisecond or two to make, in whichever thread."""
    parts = (_process(_PROC).collect(), _counters(counted), _histograms(counted), _gauges(now))
    for family in (family for part in parts for family in part):
        for first in range(0, len(family.samples), _STEP):
            some = Metric(family.name, family.documentation, family.type)
            some.samples = family.samples[first : first + _STEP]
            lines = generate_latest(_One(some))
            # Name and type of a metric are told once, before its first sample.
            yield lines if first == 0 else lines.split(b"\n", 2)[2]


class _Process(ProcessCollector):
    """Memory, descriptors and time of this process, in a sandbox too that hides ``/proc/stat`` (ProcSubset=pid)."""

    def _boot_time(self) -> float:
        # Without an answer here the collector says nothing at all.
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def _process(proc: str) -> ProcessCollector:
    # One for all scrapes: what it once found to be the start of the process stays the same number.
    return _Process(proc=proc, registry=None)


def _counters(counted: Counted) -> Iterator[Metric]:
    finished = CounterMetricFamily(
        "inferd_requests", "Finished requests.", labels=("method", "route", "status", "task", "endpoint")
    )
    for labels, count in counted.requests:
        finished.add_metric(labels, count)
    yield finished
    attempts = CounterMetricFamily("inferd_upstream_attempts", "Requests sent to upstreams.", labels=("endpoint",))
    retries = CounterMetricFamily("inferd_upstream_retries", "Those sent once more.", labels=("endpoint",))
    tokens = CounterMetricFamily("inferd_tokens", "As the upstream counted them.", labels=("endpoint", "direction"))
    for name, attempted, retried, tokens_in, tokens_out in counted.endpoints:
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
_BOUNDS = (*(str(bound) for bound in BUCKETS), "+Inf")


def _histograms(counted: Counted) -> Iterator[Metric]:
    for name, (label, told) in _HISTOGRAMS.items():
        family = HistogramMetricFamily(f"inferd_{name}_seconds", told, labels=(label,))
        for (measure, value), counts, total in counted.times:
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
    "ready": "1 while it should get work, see /readyz.",
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
