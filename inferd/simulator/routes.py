"""What the simulator answers to which path and method."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from inferd.simulator import chat, embeddings, models, oauth
from inferd.simulator.answers import FINGERPRINT, Answer, Refused, document, refusal
from inferd.simulator.faults import Memory
from inferd.simulator.http1 import Request

WRONG_KEY = "sim-invalid"


@dataclass(frozen=True)
class State:
    """What a simulator remembers from one request to the next."""

    memory: Memory = field(default_factory=Memory)
    tokens: oauth.Tokens = field(default_factory=oauth.Tokens)


Handler = Callable[[Request, State], Awaitable[Answer]]


async def _chat(request: Request, state: State) -> Answer:
    return chat.answer(request.body, _key(request, state), state.memory)


async def _embeddings(request: Request, state: State) -> Answer:
    return await embeddings.answer(request.body, _key(request, state), state.memory)


async def _models(request: Request, state: State) -> Answer:
    _key(request, state)
    return models.listing()


async def _model(request: Request, state: State) -> Answer:
    key = _key(request, state)
    return models.one(unquote(request.path.removeprefix(_MODEL)), key, state.memory)


async def _token(request: Request, state: State) -> Answer:
    return oauth.answer(request.body, request.headers.get("authorization", ""), state.tokens, state.memory)


async def _health(request: Request, state: State) -> Answer:
    return document({"status": "ok", "system_fingerprint": FINGERPRINT})


_MODEL = "/v1/models/"
# A path that ends in a slash stands for everything below it.
ROUTES: Mapping[str, tuple[str, Handler]] = {
    "/v1/chat/completions": ("POST", _chat),
    "/v1/embeddings": ("POST", _embeddings),
    "/v1/models": ("GET", _models),
    _MODEL: ("GET", _model),
    "/oauth/token": ("POST", _token),
    "/healthz": ("GET", _health),
}


async def answer(request: Request, state: State) -> Answer:
    """The answer to any request: failures are answers too."""
    below = request.path.startswith(_MODEL) and len(request.path) > len(_MODEL)
    method, handle = ROUTES.get(_MODEL if below else request.path, ("", None))
    if handle is None or request.path == _MODEL:
        return refusal(404, f"Invalid URL ({request.method} {request.path})")
    if request.method != method and (request.method, method) != ("HEAD", "GET"):
        message = f"Not allowed to {request.method} on {request.path}; only {method} is."
        return refusal(405, message, code="method_not_supported", headers={"allow": method})
    try:
        return await handle(request, state)
    except Refused as refused:
        return refused.answer


def _key(request: Request, state: State) -> str:
    """The bearer key of a request; Refused 401 without one or with one that does not hold."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        message = "You didn't provide an API key: the request needs 'Authorization: Bearer YOUR_KEY'."
        raise Refused(refusal(401, message, headers={"www-authenticate": "Bearer"}))
    if key == WRONG_KEY or not state.tokens.accepts(key):
        shown = f"{key[:4]}***{key[-2:]}" if len(key) > 8 else "***"
        raise Refused(refusal(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key"))
    return key
