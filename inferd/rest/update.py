"""``PUT _inference/{task_type}/{id}/_update``: changes what may change."""

from functools import partial

from inferd.errors import Document, EndpointNotFound, StatusFailure
from inferd.rest import answer, inference_id, task_type, validation
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.schema.endpoint import Endpoint
from inferd.services.fields import shown

_SECTIONS = {
    "service_settings": "Unable to parse service settings in the request",
    "task_settings": "Unable to parse task settings in the request",
    "chunking_settings": "Unable to parse [chunking_settings] in the request",
}


async def handle(request: Request) -> Answer:
    """The endpoint as changed; nothing is asked or written where the change changes nothing."""
    inference_id.check(request.inference_id)
    body = await request.document()
    if not body:
        raise StatusFailure("Request body is empty")
    given = dict(body)
    kind = task_type.resolve(request.task_type, body)
    service_named = body.pop("service", None)
    _check_sections(body, given)
    if request.inference_id not in request.parts.store:
        raise EndpointNotFound(f"The inference endpoint [{request.inference_id}] does not exist and cannot be updated")
    old = request.parts.store.get(request.inference_id)
    secrets = request.parts.store.secrets(request.inference_id)
    _check_service(service_named, old)
    if kind is not old.task_type:
        raise StatusFailure("Task type must match the task type of the existing endpoint")
    service = request.parts.services.of(old)
    new, new_secrets = service.update_endpoint(old, secrets, body)
    if new == old and dict(new_secrets) == dict(secrets):
        return answer.json(old.shown())
    # Nobody may have changed the endpoint during the trial: this change was made from the old one.
    return await validation.stored(request, new, new_secrets, partial(request.parts.store.replace, instead_of=old))


def _check_sections(body: Document, given: Document) -> None:
    unknown = {name: value for name, value in body.items() if name not in _SECTIONS}
    if unknown:
        raise StatusFailure(
            f"Request contained fields which cannot be updated, remove these fields and try again [{shown(unknown)}]"
        )
    for name, text in _SECTIONS.items():
        if body.get(name) is not None and not isinstance(body[name], dict):
            raise StatusFailure(f"{text} [{shown(given)}]")


def _check_service(named: object, endpoint: Endpoint) -> None:
    """The official example sends ``service``: it may, if it says nothing new."""
    if named is not None and named != endpoint.service:
        raise StatusFailure(
            "Request contained fields which cannot be updated, remove these fields and try again "
            f"[{shown({'service': named})}]"
        )
