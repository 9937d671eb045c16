"""``GET _inference/…``: shows one endpoint, or all of them."""

from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.task_type import check_requested
from inferd.schema.endpoint import TaskType

_EVERY = ("", "*", "_all")


async def handle(request: Request) -> Answer:
    """``{"endpoints": […]}``, sorted by id, also for a single one."""
    requested, store = request.task_type, request.parts.store
    if request.inference_id in _EVERY:
        endpoints = [e for e in store.all() if requested in (TaskType.ANY, e.task_type)]
    else:
        endpoint = store.get(request.inference_id)
        check_requested(requested, endpoint.task_type)
        endpoints = [endpoint]
    return answer.json({"endpoints": [endpoint.shown() for endpoint in endpoints]})
