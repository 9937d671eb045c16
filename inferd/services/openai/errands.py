"""Makes the requests that go to an OpenAI-compatible upstream: where to, with which headers, and what a no means."""

from typing import cast

from inferd import __version__
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Call
from inferd.services import Tools
from inferd.services.openai.refusal import RefusedRequest
from inferd.services.openai.settings import OpenAISettings, OpenAITaskSettings
from inferd.upstream.client import Request
from inferd.upstream.errand import Errand
from inferd.upstream.retry import ATTEMPTS

# Refused encodings never have to be undone: a broken one would be one more way to fail.
_ALWAYS = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": f"inferd/{__version__}"}

_PATHS = {
    TaskType.TEXT_EMBEDDING: "/embeddings",
    TaskType.EMBEDDING: "/embeddings",
    TaskType.COMPLETION: "/chat/completions",
    TaskType.CHAT_COMPLETION: "/chat/completions",
}


def settings_of(call: Call) -> OpenAISettings:
    """The service settings of the endpoint that is called."""
    return cast(OpenAISettings, call.endpoint.service_settings)


def task_settings_of(call: Call) -> OpenAITaskSettings:
    """The task settings of the endpoint that is called."""
    return cast(OpenAITaskSettings, call.endpoint.task_settings)


def errand(tools: Tools, call: Call, task_settings: OpenAITaskSettings, authorization: str, body: bytes) -> Errand:
    """The errand that sends ``body`` for ``call``; ``authorization`` is the whole value of that header."""
    settings = settings_of(call)
    embeddings = _PATHS[call.endpoint.task_type] == "/embeddings"
    url = settings.url or tools.config.openai.base_url.rstrip("/") + _PATHS[call.endpoint.task_type]
    refused = RefusedRequest(
        call.inference_id, url, call.secrets, embeddings, tools.config.compat.upstream_5xx_as_400
    )
    return Errand(
        call=call,
        limit=tools.limits.of(call.inference_id, settings.rate_limit.requests_per_minute),
        request=Request(url, _headers(settings, task_settings, authorization), body),
        what="OpenAI embeddings" if embeddings else "OpenAI chat completions",
        refusal=refused.refusal,
        attempts=call.attempts or ATTEMPTS,
    )


def _headers(
    settings: OpenAISettings, task_settings: OpenAITaskSettings, authorization: str
) -> tuple[tuple[str, str], ...]:
    headers = dict(_ALWAYS)
    if settings.organization_id is not None:
        headers["OpenAI-Organization"] = settings.organization_id
    if task_settings.headers:
        given = {name.lower() for name in task_settings.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in given} | {
            name: value for name, value in task_settings.headers.items() if name.lower() != "authorization"
        }
    # Last, so that a header of the user's cannot send the request under another key (OpenAiEmbeddingsRequest).
    return (*headers.items(), ("Authorization", authorization))
