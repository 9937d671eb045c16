"""``GET /_cluster/health`` and ``GET /_health_report``: inferd's health in the forms Elasticsearch's tools ask for."""

from collections.abc import Mapping

from inferd.errors import IllegalArgument
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.health import trouble
from inferd.rest.node import NODE
from inferd.rest.request import Request

_COLOURS = ("green", "yellow", "red")

_SYMPTOMS = {
    None: "inferd takes requests, and its store can be written.",
    "draining": "inferd is stopping and takes no new work.",
    "store": "The store cannot be written: endpoints can be used but not changed.",
    "loop": "The event loop lags: every answer is late.",
}

# A cluster of one node that holds no shards, in the key order of ClusterHealthResponse.
_SHARDS: Mapping[str, object] = {
    "number_of_nodes": 1,
    "number_of_data_nodes": 1,
    "active_primary_shards": 0,
    "active_shards": 0,
    "relocating_shards": 0,
    "initializing_shards": 0,
    "unassigned_shards": 0,
    "unassigned_primary_shards": 0,
    "delayed_unassigned_shards": 0,
    "number_of_pending_tasks": 0,
    "number_of_in_flight_fetch": 0,
    "task_max_waiting_in_queue_millis": 0,
    "active_shards_percent_as_number": 100.0,
}


async def health(request: Request) -> Answer:
    """Green, or red with 503; 408 where ``wait_for_status`` asks for better than there is, without the wait."""
    wanted = request.query("wait_for_status")
    if wanted is not None and wanted.lower() not in _COLOURS:
        raise IllegalArgument(f"unknown cluster health status [{wanted}]")
    ill = await trouble(request) is not None
    late = ill and wanted is not None and wanted.lower() != "red"
    document = {"cluster_name": NODE, "status": "red" if ill else "green", "timed_out": late, **_SHARDS}
    return answer.json(document, status=408 if late else 503 if ill else 200)


async def report(request: Request) -> Answer:
    """The same with reasons; upstreams that fail are told, and do not make inferd ill."""
    what = await trouble(request)
    status = "green" if what is None else "red"
    document = {
        "status": status,
        "cluster_name": NODE,
        "indicators": {
            "inferd": {"status": status, "symptom": _SYMPTOMS[what], "details": {"reason": what}},
            "upstreams": _upstreams(request),
        },
    }
    return answer.json(document, status=200 if what is None else 503)


def _upstreams(request: Request) -> dict[str, object]:
    known = [(e.inference_id, request.parts.standings.get(e.inference_id)) for e in request.parts.store.all()]
    failing = sorted(inference_id for inference_id, standing in known if standing and standing.state == "failing")
    symptom = f"{len(failing)} of {len(known)} endpoints failed at their last call." if failing else "None is failing."
    return {
        "status": "yellow" if failing else "green",
        "symptom": symptom,
        "details": {"endpoints": len(known), "failing": failing},
    }
