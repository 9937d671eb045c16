"""``/livez``, ``/readyz`` and ``/_health``: whether to restart the daemon, whether to send it work, and why not."""

from inferd import __version__
from inferd.errors import Failure
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.request import Request


async def livez(request: Request) -> Answer:
    """``ok`` as long as the loop turns; a restart would help otherwise, and only then."""
    return answer.text("ok")


async def readyz(request: Request) -> Answer:
    """``ok``, or 503 and one word: ``draining``, ``store`` or ``loop``."""
    what = await trouble(request)
    return answer.text("ok") if what is None else answer.text(what, status=503)


async def health(request: Request) -> Answer:
    """The whole truth as one document; an upstream that fails is told and does not make inferd unhealthy."""
    what, parts = await trouble(request), request.parts
    endpoints = {}
    for endpoint in parts.store.all():
        standing = parts.standings.get(endpoint.inference_id)
        if standing is not None:
            endpoints[endpoint.inference_id] = standing
    document = {
        "status": "ok" if what is None else "unavailable",
        "reason": what,
        "version": __version__,
        "endpoints": len(parts.store),
        "open_requests": len(parts.open),
        "open_streams": parts.open.streams,
        "loop_lag_ms": round(parts.loop_lag.worst * 1000, 3),
        "upstreams": endpoints,
    }
    return answer.json(document, status=200 if what is None else 503)


async def trouble(request: Request) -> str | None:
    """Why inferd should get no work: ``draining``, ``store`` or ``loop``; None if it should."""
    if request.parts.draining:
        return "draining"
    try:
        await request.parts.store.probe()
    except Failure:
        return "store"
    return "loop" if request.parts.loop_lag.excessive else None
