"""What counting costs a request, and how long a scrape of many endpoints holds the loop; run by hand.

    python bench/metrics.py [ENDPOINTS]
"""

import asyncio
import sys
import time

import uvloop

from inferd import exposition
from inferd.aside import Aside
from inferd.metrics import Metrics, Snapshot
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Trace

ROUNDS = 200_000


def filled(endpoints: int) -> Metrics:
    """Metrics after each endpoint was used in two ways."""
    metrics = Metrics()
    for number in range(endpoints):
        for status in (200, 429):
            metrics.request("POST", "/_inference/{id}", status, 0.01, f"endpoint-{number}", _trace())
    return metrics


def _trace() -> Trace:
    return Trace(task_type=TaskType.CHAT_COMPLETION, attempts=1, first_chunk=0.2, input_tokens=10, output_tokens=20)


def cost(metrics: Metrics, trace: Trace) -> float:
    """Microseconds for one request."""
    began = time.perf_counter()
    for _ in range(ROUNDS):
        metrics.request("POST", "/_inference/{id}", 200, 0.01, "endpoint-0", trace)
    return (time.perf_counter() - began) / ROUNDS * 1e6


async def scrape(metrics: Metrics, endpoints: int) -> None:
    """One scrape, while a task looks how late the loop is."""
    names = [f"endpoint-{number}" for number in range(endpoints)]
    aside, gaps = Aside(), []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - began)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    metrics.keep_only(names)
    numbers = dict.fromkeys(
        ("open_requests", "open_streams", "endpoints", "loop_lag_seconds", "ready", "draining")
        + tuple(f"upstream_connections_{name}" for name in ("leased", "available", "pending")),
        0.0,
    )
    snapshot = Snapshot("bench", numbers, [(name, 0) for name in names], [(name, True) for name in names])
    held = time.perf_counter() - began
    text, size = exposition.text(metrics.counted(), snapshot), 0
    while piece := await aside.run(lambda: next(text, b"")):
        size += len(piece)
    took = time.perf_counter() - began
    watching.cancel()
    aside.close()
    print(
        f"{endpoints} endpoints: {size:,} bytes in {took * 1e3:.0f} ms; snapshot {held * 1e3:.2f} ms, "
        f"the loop was held for {max(gaps) * 1e3:.1f} ms at most"
    )


def main() -> None:
    """Prints the figures."""
    endpoints = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    metrics = filled(endpoints)
    print(f"a chat: {cost(metrics, _trace()):.2f} us; another request: {cost(metrics, Trace()):.2f} us")
    for _ in range(3):
        uvloop.run(scrape(metrics, endpoints))


if __name__ == "__main__":
    main()
