"""``PUT _inference/{task_type}/{id}``: makes an endpoint."""

from inferd.errors import EndpointExists, StatusFailure
from inferd.rest import inference_id, task_type, validation
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.xcontent import java_text


async def handle(request: Request) -> Answer:
    """The endpoint as stored, without its secrets. An id that exists is refused before the provider is asked."""
    inference_id.check(request.inference_id)
    body = await request.document()
    kind = task_type.resolve(request.task_type, body)
    name = body.pop("service", None)
    if name is None:
        raise StatusFailure("Inference endpoint configuration is missing the [service] setting")
    service = request.parts.services.named(java_text(name))
    endpoint, secrets = service.parse_endpoint(request.inference_id, kind, body)
    if request.inference_id in request.parts.store:
        raise EndpointExists.of(request.inference_id)
    return await validation.stored(request, endpoint, secrets, request.parts.store.create)
