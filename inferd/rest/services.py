"""``GET _inference/_services``: what endpoints of each service can be configured with."""

from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.schema.endpoint import TaskType
from inferd.services import InferenceService

_ORDER = list(TaskType)


async def handle(request: Request) -> Answer:
    """The services that know the task type of the path, sorted by name (InferenceServiceConfiguration)."""
    requested = request.task_type
    services = [plugin.service for plugin in request.parts.services]
    return answer.json([_shown(s) for s in services if requested is TaskType.ANY or requested in s.task_types])


def _shown(service: InferenceService) -> dict[str, object]:
    return {
        "service": service.name,
        "name": service.label,
        "task_types": sorted(service.task_types, key=_ORDER.index),
        "configurations": service.settings_info(),
    }
