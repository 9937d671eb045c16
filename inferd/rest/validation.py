"""Stores a new or changed endpoint once its upstream has been tried, and tells what came of that."""

from collections.abc import Awaitable, Callable

from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.services.trial import TRIAL_TIME, tried

Write = Callable[[Endpoint, Secrets], Awaitable[None]]


async def stored(request: Request, endpoint: Endpoint, secrets: Secrets, write: Write) -> Answer:
    """The endpoint as ``write`` stored it; where its upstream could not be asked, a ``Warning`` says so.

    The query parameter ``timeout`` bounds the trial; what a trial leaves behind is undone if nothing was stored of it.
    """
    parts = request.parts
    service, mode = parts.services.of(endpoint), parts.config.inference.validate_on_put
    try:
        result = await tried(service, endpoint, secrets, mode, timeout=request.timeout() or TRIAL_TIME)
        await write(result.endpoint, secrets)
    finally:
        if endpoint.inference_id not in parts.store:
            parts.limits.release(endpoint.inference_id)
            parts.standings.forget(endpoint.inference_id)
    headers = {}
    if result.unreachable is not None:
        parts.standings.unverified(endpoint.inference_id, result.unreachable)
        headers["Warning"] = _warning(f"stored without validation: {result.unreachable}", parts.config.server.version)
    return answer.json(result.endpoint.shown(), headers=headers)


def _warning(told: str, version: str) -> str:
    """A ``Warning`` as Elastic's clients surface it (RFC 7234, 5.5).

    They look for text between two quotes and know no escapes; the JavaScript client shows only those of an agent
    called Elasticsearch.
    """
    plain = "".join(character if " " <= character <= "~" else "?" for character in told)
    plain = plain.replace("\\", "/").replace('"', "'")
    return f'299 Elasticsearch-{version}-inferd "{plain}"'
