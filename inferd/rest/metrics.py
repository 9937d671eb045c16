"""``GET /metrics``: the counters in Prometheus's text format, made beside the loop."""

from collections.abc import Iterator

from inferd import __version__
from inferd.metrics import Counted, Snapshot
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.health import trouble
from inferd.rest.parts import Parts
from inferd.rest.request import Request

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def handle(request: Request) -> Answer:
    """All metrics; the loop is held for the moment of the snapshot only."""
    parts = request.parts
    parts.metrics.keep_only([endpoint.inference_id for endpoint in parts.store.all()])
    ready = await trouble(request) is None
    text = _text(parts.metrics.counted(), _snapshot(parts, ready))
    pieces = []
    while piece := await parts.aside.run(_next, text):
        pieces.append(piece)
    headers = {**answer.PRODUCT, "Content-Type": CONTENT_TYPE}
    return Answer(body=b"".join(pieces), headers=headers)


def _text(counted: Counted, now: Snapshot) -> Iterator[bytes]:
    # The first scrape loads it, beside the loop: 17 ms and 1 MB of a start.
    from inferd import exposition

    yield from exposition.text(counted, now)


def _next(text: Iterator[bytes]) -> bytes:
    # A StopIteration cannot pass through a future.
    return next(text, b"")


def _snapshot(parts: Parts, ready: bool) -> Snapshot:
    connections = {f"upstream_connections_{name}": float(count) for name, count in parts.connections().items()}
    upstreams = []
    for endpoint in parts.store.all():
        standing = parts.standings.get(endpoint.inference_id)
        if standing is not None:
            upstreams.append((endpoint.inference_id, standing.state == "ok"))
    return Snapshot(
        version=__version__,
        numbers={
            "open_requests": len(parts.open),
            "open_streams": parts.open.streams,
            "endpoints": len(parts.store),
            "loop_lag_seconds": parts.loop_lag.worst,
            "ready": ready,
            "draining": parts.draining,
            **connections,
        },
        queues=[(limit.inference_id, limit.waiting) for limit in parts.limits],
        upstreams=upstreams,
    )
