"""``PUT _inference/{task_type}/{id}``: makes an endpoint."""

from aiohttp import web

from inferd.errors import EndpointExists, StatusFailure
from inferd.rest import answer, inference_id, task_type
from inferd.rest.request import Request
from inferd.services.trial import TRIAL_TIME, tried
from inferd.xcontent import java_text


async def handle(request: Request) -> web.Response:
    """The endpoint as stored, without its secrets. An id that exists is refused before the provider is asked."""
    inference_id.check(request.inference_id)
    timeout = request.timeout() or TRIAL_TIME
    body = await request.document()
    kind = task_type.resolve(request.task_type, body)
    name = body.pop("service", None)
    if name is None:
        raise StatusFailure("Inference endpoint configuration is missing the [service] setting")
    service = request.parts.services.named(java_text(name))
    endpoint, secrets = service.parse_endpoint(request.inference_id, kind, body)
    if request.inference_id in request.parts.store:
        raise EndpointExists.of(request.inference_id)
    mode = request.parts.config.inference.validate_on_put
    try:
        result = await tried(service, endpoint, secrets, mode, timeout=timeout)
        await request.parts.store.create(result.endpoint, secrets)
    finally:
        _forget_trial(request)
    return answer.stored(request.parts, result)


def _forget_trial(request: Request) -> None:
    """What a trial leaves behind belongs to nobody if no endpoint came of it."""
    if request.inference_id not in request.parts.store:
        request.parts.limits.delete(request.inference_id)
        request.parts.standings.forget(request.inference_id)
