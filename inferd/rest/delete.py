"""``DELETE _inference/…``: takes an endpoint away."""

from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.task_type import check_requested


async def handle(request: Request) -> Answer:
    """What was deleted; with ``dry_run`` what would have been. ``force`` forces nothing: no endpoint is referred to."""
    dry_run, _ = request.flag("dry_run"), request.flag("force")
    endpoint = request.parts.store.get(request.inference_id)
    check_requested(request.task_type, endpoint.task_type)
    if dry_run:
        return answer.json({"acknowledged": False, "pipelines": [], "indexes": [], "error_message": ""})
    await request.parts.store.delete(request.inference_id)
    return answer.json({"acknowledged": True, "pipelines": [], "indexes": []})
