"""Makes the requests that go to an OpenAI-compatible upstream: where to, with which headers, and what a no means."""

from collections.abc import Mapping
from typing import cast

import msgspec

from inferd import __version__
from inferd.ratelimit import RateLimit
from inferd.schema.endpoint import Secrets, TaskType
from inferd.schema.inference import Call
from inferd.services import Tools
from inferd.services.openai.oauth2 import Tokens
from inferd.services.openai.refusal import RefusedRequest
from inferd.services.openai.settings import OpenAISettings, OpenAITaskSettings
from inferd.upstream.client import Request
from inferd.upstream.errand import Errand, Refusal
from inferd.upstream.retry import ATTEMPTS

# Refused encodings never have to be undone: a broken one would be one more way to fail.
_ALWAYS = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": f"inferd/{__version__}"}

_PATHS = {
    TaskType.TEXT_EMBEDDING: "/embeddings",
    TaskType.EMBEDDING: "/embeddings",
    TaskType.COMPLETION: "/chat/completions",
    TaskType.CHAT_COMPLETION: "/chat/completions",
}


class LimitedCall(Call, frozen=True, kw_only=True):
    """A call with the limit it runs under.

    The limit is looked up once, when the request begins: asked for again later on, it would be set back to the rate
    the endpoint had then, or come into being anew for an endpoint that is deleted.
    """

    limit: RateLimit


class Errands:
    """Makes the errands of the openai service with ``tools``."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._tokens = Tokens(tools.sender)

    def begun(self, call: Call, task_settings: OpenAITaskSettings) -> LimitedCall:
        """``call`` as a request begins, with the task settings that hold for it."""
        limit = self._tools.limits.of(call.inference_id, settings_of(call).rate_limit.requests_per_minute)
        endpoint = msgspec.structs.replace(call.endpoint, task_settings=task_settings)
        return LimitedCall(
            endpoint=endpoint,
            secrets=call.secrets,
            deadline=call.deadline,
            trace=call.trace,
            attempts=call.attempts,
            traceparent=call.traceparent,
            limit=limit,
        )

    async def made(self, call: Call, body: bytes) -> Errand:
        """The errand that sends ``body`` for a call that has ``begun``.

        Its own call is the one to go on with: its secrets are all that an upstream could echo, so that an access
        token is masked as well. See ``Tokens.token`` for the failures.
        """
        assert isinstance(call, LimitedCall)
        if "client_secret" not in call.secrets:
            return self._errand(call, call.secrets["api_key"], body)
        token = await self._tokens.token(call)
        known = msgspec.structs.replace(call, secrets=Secrets({**call.secrets, "access_token": token}))
        errand = self._errand(known, token, body)

        def refusal(status: int, headers: Mapping[str, str], answer: bytes) -> Refusal:
            if status == 401:
                self._tokens.drop(call, token)
            return errand.refusal(status, headers, answer)

        return msgspec.structs.replace(errand, refusal=refusal)

    def _errand(self, call: LimitedCall, key: str, body: bytes) -> Errand:
        config = self._tools.config
        path = _PATHS[call.endpoint.task_type]
        embeddings = path == "/embeddings"
        url = settings_of(call).url or config.openai.base_url.rstrip("/") + path
        refused = RefusedRequest(call.inference_id, url, call.secrets, embeddings, config.compat.upstream_5xx_as_400)
        return Errand(
            call=call,
            limit=call.limit,
            request=Request(url, _headers(call, f"Bearer {key}"), body),
            what="OpenAI embeddings" if embeddings else "OpenAI chat completions",
            refusal=refused.refusal,
            attempts=call.attempts or ATTEMPTS,
        )


def settings_of(call: Call) -> OpenAISettings:
    """The service settings of the endpoint that is called."""
    return cast(OpenAISettings, call.endpoint.service_settings)


def task_settings_of(call: Call) -> OpenAITaskSettings:
    """The task settings of the endpoint that is called."""
    return cast(OpenAITaskSettings, call.endpoint.task_settings)


def _headers(call: Call, authorization: str) -> tuple[tuple[str, str], ...]:
    headers = dict(_ALWAYS)
    organization_id, custom = settings_of(call).organization_id, task_settings_of(call).headers
    if call.traceparent is not None:
        headers["traceparent"] = call.traceparent
    if organization_id is not None:
        headers["OpenAI-Organization"] = organization_id
    if custom:
        given = {name.lower() for name in custom}
        headers = {name: value for name, value in headers.items() if name.lower() not in given} | {
            name: value for name, value in custom.items() if name.lower() != "authorization"
        }
    # Last, so that a header of the user's cannot send the request under another key (OpenAiEmbeddingsRequest).
    return (*headers.items(), ("Authorization", authorization))
