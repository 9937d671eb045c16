"""``GET _inference/.diagnostics``: connections, queues and counters, for whoever looks for a fault."""

from collections.abc import Mapping

from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.node import NODE
from inferd.rest.request import Request


async def handle(request: Request) -> Answer:
    """Elasticsearch's document (GetInferenceDiagnosticsAction), and under ``inferd`` what only inferd has.

    What Elasticsearch has and inferd has not counts nothing; no connection pool here has a maximum, which is told as 0.
    """
    parts = request.parts
    queues = {
        limit.inference_id: {
            "requests_per_minute": limit.requests_per_minute,
            "waiting": limit.waiting,
            "given": limit.given,
        }
        for limit in parts.limits
    }
    ours = {"open_requests": len(parts.open), "open_streams": parts.open.streams, "queues": queues}
    document = {
        "external": {"connection_pool_stats": _pool(parts.connections())},
        "eis_mtls": {"connection_pool_stats": _pool({})},
        "inference_endpoint_registry": {
            "cache_count": len(parts.store),
            "cache_hits": 0,
            "cache_misses": 0,
            "cache_evictions": 0,
        },
        "inferd": ours,
    }
    return answer.json({NODE: document})


def _pool(stats: Mapping[str, int]) -> dict[str, int]:
    names = ("leased", "pending", "available", "max")
    return {f"{name}_connections": stats.get(name, 0) for name in names}
