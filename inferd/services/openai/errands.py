"""Makes the requests that go to an OpenAI-compatible upstream: where to, with which headers, and what a no means."""

from collections.abc import Mapping

import msgspec

from inferd import __version__
from inferd.config import Config
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

# Endpoints whose URL and headers are kept; one forgotten costs some microseconds.
MAX_WAYS = 1_000


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
        self._ways: dict[str, _Way] = {}

    def begun(self, call: Call, task_settings: OpenAITaskSettings) -> LimitedCall:
        """``call`` as a request begins, with the task settings that hold for it."""
        endpoint, limits = call.endpoint, self._tools.limits
        # Not by ``is_trial``, which would be one more call for every request.
        limit_of = limits.of if call.attempts is None else limits.of_trial
        limit = limit_of(endpoint.inference_id, settings_of(call).rate_limit.requests_per_minute)
        if task_settings is not endpoint.task_settings:
            endpoint = msgspec.structs.replace(endpoint, task_settings=task_settings)
        return LimitedCall(
            endpoint, call.secrets, call.deadline, call.trace, call.attempts, call.traceparent, limit=limit
        )

    async def made(self, call: Call, body: bytes) -> Errand:
        """The errand that sends ``body`` for a call that has ``begun``.

        Its own call is the one to go on with: its secrets are all that an upstream could echo, so that an access
        token is masked as well. See ``Tokens.token`` for the failures.
        """
        assert isinstance(call, LimitedCall)
        way = self._ways.get(call.endpoint.inference_id)
        if way is not None and way.serves(call, self._tools.config):
            return way.errand(call, body)
        if "client_secret" not in call.secrets:
            return self._way(call, call.secrets["api_key"]).errand(call, body)
        token = await self._tokens.token(call)
        known = msgspec.structs.replace(call, secrets=Secrets({**call.secrets, "access_token": token}))
        errand = _Way(known, token, self._tools.config).errand(known, body)

        def refusal(status: int, headers: Mapping[str, str], answer: bytes) -> Refusal:
            if status == 401:
                self._tokens.drop(call, token)
            return errand.refusal(status, headers, answer)

        return msgspec.structs.replace(errand, refusal=refusal)

    def _way(self, call: LimitedCall, key: str) -> "_Way":
        way = self._ways[call.inference_id] = _Way(call, key, self._tools.config)
        if len(self._ways) > MAX_WAYS:
            del self._ways[next(iter(self._ways))]
        return way


class _Way:
    """What the requests of one endpoint have in common. It has no repr of its own: its headers hold the key."""

    __slots__ = ("_config", "_endpoint", "_headers", "_key", "_refusal", "_secrets", "_url", "_what")

    def __init__(self, call: Call, key: str, config: Config) -> None:
        path = _PATHS[call.endpoint.task_type]
        embeddings = path == "/embeddings"
        self._endpoint, self._secrets, self._config, self._key = call.endpoint, call.secrets, config, key
        self._url = settings_of(call).url or config.openai.base_url.rstrip("/") + path
        self._headers = _headers(call, key, None)
        self._what = "OpenAI embeddings" if embeddings else "OpenAI chat completions"
        server_errors_as_400 = config.compat.upstream_5xx_as_400
        self._refusal = RefusedRequest(
            call.inference_id, self._url, call.secrets, embeddings, server_errors_as_400
        ).refusal

    def serves(self, call: Call, config: Config) -> bool:
        """True if it was made of just these: nothing of them ever changes, they are replaced as a whole."""
        return self._endpoint is call.endpoint and self._secrets is call.secrets and self._config is config

    def errand(self, call: LimitedCall, body: bytes) -> Errand:
        """The errand that sends ``body``."""
        trace = call.traceparent
        headers = self._headers if trace is None else _headers(call, self._key, trace)
        request = Request(self._url, headers, body)
        return Errand(call, call.limit, request, self._what, self._refusal, call.attempts or ATTEMPTS)


def settings_of(call: Call) -> OpenAISettings:
    """The service settings of the endpoint that is called."""
    return call.endpoint.service_settings  # type: ignore[return-value]  # made by this service, like the endpoint


def task_settings_of(call: Call) -> OpenAITaskSettings:
    """The task settings of the endpoint that is called."""
    return call.endpoint.task_settings  # type: ignore[return-value]  # made by this service, like the endpoint


def _headers(call: Call, key: str, traceparent: str | None) -> tuple[tuple[str, str], ...]:
    headers = dict(_ALWAYS)
    organization_id, custom = settings_of(call).organization_id, task_settings_of(call).headers
    if traceparent is not None:
        headers["traceparent"] = traceparent
    if organization_id is not None:
        headers["OpenAI-Organization"] = organization_id
    if custom:
        given = {name.lower() for name in custom}
        headers = {name: value for name, value in headers.items() if name.lower() not in given} | {
            name: value for name, value in custom.items() if name.lower() != "authorization"
        }
    # Last, so that a header of the user's cannot send the request under another key (OpenAiEmbeddingsRequest).
    return (*headers.items(), ("Authorization", f"Bearer {key}"))
