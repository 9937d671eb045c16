"""Faults on demand: what a model name makes the simulator do wrong, as one table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec

from inferd.simulator import edits
from inferd.simulator.answers import Answer, Ending, Manner, Refused, refusal

# Enough for any load test, and one answer still fits into memory.
MAX_WORDS = 1_000_000
MAX_BYTES = 67_108_864
# Names a client invents must not fill the memory of a server that runs for months.
MAX_SEEN = 10_000


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to go wrong; at its defaults it changes nothing.

    ``instead`` is answered whatever was asked, with ``{key}`` in its body replaced by the bearer key.
    ``words`` and ``size`` (bytes) set the length of a chat answer; ``reasoning`` names the field of a delta
    that holds what the model thinks first.
    """

    about: str = ""
    instead: Answer | None = None
    manner: Manner = Manner()
    events: edits.EditEvents = edits.unchanged
    body: edits.EditBody = edits.unchanged
    vectors: edits.EditVectors = edits.unchanged
    no_encoding_format: bool = False
    reasoning: str = ""
    words: int | None = None
    size: int | None = None

    def check(self, key: str) -> None:
        """Refuses where this fault is a refusal; ``key`` is the bearer key of the request."""
        if self.instead is not None:
            shown = msgspec.json.encode(key)[1:-1]
            raise Refused(replace(self.instead, body=self.instead.body.replace(b"{key}", shown), manner=self.manner))

    def spoil(self, answer: Answer) -> Answer:
        """``answer`` as this fault lets it leave."""
        events = None if answer.events is None else self.events(answer.events)
        return replace(answer, body=self.body(answer.body), events=events, manner=self.manner)


HEALTHY = Fault()

_LIMITED = {
    "retry-after": "1",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-reset-tokens": "1s",
}
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
_STOP = edits.BEFORE_FAILURE


def _refuses(about: str, *error: Any, **more: Any) -> Fault:
    return Fault(about=about, instead=refusal(*error, **more))


FAULTS: Mapping[str, Fault] = {
    "sim-400": _refuses("400, a bad request", 400, "The simulated model dislikes this request.", param="model"),
    "sim-context": _refuses(
        "400, too long for the context of the model",
        400,
        "The context of this model holds 8192 tokens. Please reduce your prompt; or completion length.",
        param="messages",
        code="context_length_exceeded",
    ),
    "sim-401": _refuses("401, a wrong key", 401, "Incorrect API key provided.", code="invalid_api_key"),
    "sim-echo-key": _refuses(
        "401, and the message repeats the whole key", 401, "Incorrect API key provided: {key}.", code="invalid_api_key"
    ),
    "sim-403": _refuses("403, not allowed", 403, "This key may not use the model.", "permission_error"),
    "sim-404": _refuses("404, no such model", 404, "The model does not exist.", param="model", code="model_not_found"),
    "sim-413": _refuses("413, content too large", 413, "The request is larger than the simulated model accepts."),
    "sim-422": _refuses("422, input validation", 422, "The simulated model cannot process this input."),
    "sim-429": _refuses(
        "429, over the rate limit, with Retry-After: 1 and x-ratelimit-* headers",
        429,
        "Rate limit reached for requests. Please try again in 1s.",
        "requests",
        code="rate_limit_exceeded",
        headers=_LIMITED,
    ),
    "sim-quota": _refuses(
        "429, the account is empty, no Retry-After",
        429,
        "You exceeded your current quota.",
        "insufficient_quota",
        code="insufficient_quota",
    ),
    "sim-500": _refuses("500, a server error", 500, "The simulated server had an error.", "server_error"),
    "sim-502": _refuses("502, a bad gateway", 502, "The simulated gateway got no answer.", "server_error"),
    "sim-503": _refuses(
        "503, overloaded", 503, "The simulated engine is overloaded.", "server_error", code="overloaded"
    ),
    "sim-504": _refuses("504, a gateway time-out", 504, "The simulated gateway waited in vain.", "server_error"),
    "sim-html": Fault(
        about="502 with an HTML page, as a proxy sends it",
        instead=Answer(status=502, body=_HTML, content_type="text/html"),
    ),
    "sim-redirect": Fault(
        about="307 to /v1/redirected, where nothing is",
        instead=Answer(status=307, headers={"location": "/v1/redirected"}),
    ),
    "sim-slow": Fault(about="1 s before the answer, 0.2 s between chunks", manner=Manner(delay=1.0, pace=0.2)),
    "sim-drip": Fault(about="a stream in writes of 7 bytes", manner=Manner(piece=7, pace=0.001)),
    "sim-stall": Fault(about="accepts, never answers", manner=Manner(stop_at=0, ending=Ending.STALL)),
    "sim-stall-stream": Fault(
        about="4 chunks or half a body, then silence", manner=Manner(stop_at=_STOP, ending=Ending.STALL)
    ),
    "sim-close": Fault(about="closes before any answer", manner=Manner(stop_at=0)),
    "sim-cut": Fault(about="breaks off in the fifth chunk, or halfway through a body", manner=Manner(stop_at=_STOP)),
    "sim-reset": Fault(about="TCP reset before any answer", manner=Manner(stop_at=0, ending=Ending.RESET)),
    "sim-reset-stream": Fault(
        about="4 chunks or half a body, then a TCP reset", manner=Manner(stop_at=_STOP, ending=Ending.RESET)
    ),
    "sim-garbage": Fault(
        about="200, but the body, or the fifth event, is not JSON", events=edits.with_garbage, body=edits.not_json
    ),
    "sim-empty": Fault(about="200 without a body, a stream without events", events=edits.nothing, body=edits.empty),
    "sim-error-event": Fault(about="an error in place of the fifth chunk, then the end", events=edits.with_error),
    "sim-truncated": Fault(about="the stream ends in good order after 4 chunks", events=edits.truncated),
    "sim-no-done": Fault(about="the stream lacks its [DONE]", events=edits.without_done),
    "sim-no-finish": Fault(about="no chunk has a finish_reason", events=edits.without_finish),
    "sim-null-content": Fault(about="a second chunk with content: null", events=edits.with_null_content),
    "sim-comments": Fault(about="a keep-alive comment before each event", events=edits.with_comments),
    "sim-crlf": Fault(about="lines of the stream end in CR LF", events=edits.with_crlf),
    "sim-bom": Fault(about="a byte order mark begins the stream", events=edits.with_byte_order_mark),
    "sim-reasoning": Fault(about="thinks first, in reasoning_content", reasoning="reasoning_content"),
    "sim-reasoning-short": Fault(about="thinks first, in reasoning", reasoning="reasoning"),
    "sim-mismatch": Fault(about="one vector too few", vectors=edits.one_too_few),
    "sim-shuffled": Fault(about="vectors in reverse order, index tells the truth", vectors=edits.reversed_order),
    "sim-no-index": Fault(about="vectors without index", vectors=edits.without_index),
    "sim-no-base64": Fault(about="400 as soon as encoding_format is sent", no_encoding_format=True),
}

_Sized = Callable[[int], Fault]
SIZED: Mapping[str, tuple[str, int, _Sized]] = {
    "words": ("the chat answer is exactly N chunks of one word", MAX_WORDS, lambda size: Fault(words=size)),
    "bytes": ("the chat answer is one chunk of N bytes", MAX_BYTES, lambda size: Fault(size=size)),
    "pace": ("N milliseconds between chunks", 600_000, lambda size: Fault(manner=Manner(pace=size / 1000))),
    "delay": ("N milliseconds before the answer", 600_000, lambda size: Fault(manner=Manner(delay=size / 1000))),
}
_SIZED_NAME = re.compile(r"sim-([a-z]+)-([0-9]{1,9})")


class Memory:
    """Which names a server has been asked for: a fault that ends in ``-once`` strikes the first time only."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def is_new(self, name: str) -> bool:
        """Whether ``name`` is asked for the first time; it is known from then on."""
        if name in self._seen:
            return False
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        self._seen.add(name)
        return True


def parts(model: str) -> list[str]:
    """The parts of a name that ``+`` or spaces join."""
    return model.replace("+", " ").split()


def named(model: str, memory: Memory) -> Fault:
    """The faults that ``model`` asks for, joined; Refused 404 for a ``sim-`` name that is none."""
    fault = HEALTHY
    for part in parts(model):
        if part.startswith("sim-"):
            fault = _joined(fault, _find(part, model, memory))
    return fault


def _find(name: str, model: str, memory: Memory) -> Fault:
    if name in FAULTS:
        return FAULTS[name]
    if name.endswith("-once") and name.removesuffix("-once") in FAULTS:
        return FAULTS[name.removesuffix("-once")] if memory.is_new(f"{name} {model}") else HEALTHY
    sized = _SIZED_NAME.fullmatch(name)
    if sized and sized[1] in SIZED:
        _, limit, fault = SIZED[sized[1]]
        if int(sized[2]) <= limit:
            return fault(int(sized[2]))
    message = f"The simulator knows no fault '{name}'; `inferd simulate --help` lists them."
    raise Refused(refusal(404, message, param="model", code="model_not_found"))


def _joined(first: Any, second: Any) -> Any:
    changes = {}
    for field in fields(second):
        value = getattr(second, field.name)
        if isinstance(value, Manner):
            value = _joined(first.manner, value)
        if value != field.default:
            changes[field.name] = value
    return replace(first, **changes)


def faults_help() -> str:
    """The table as text for ``inferd simulate --help``, one fault a line."""
    rows = {name: fault.about for name, fault in FAULTS.items()}
    rows |= {f"sim-{name}-N": about for name, (about, _, _) in SIZED.items()}
    lines = [f"  {name:<20} {about}" for name, about in rows.items()]
    return "\n".join(["A model name makes the simulator go wrong:", "", *lines, "", _RULES])


_RULES = """\
  Add "-once" to any name without an N (sim-429-once), and only the first request with that model is struck.
  Join names with "+" (gpt-4o+sim-words-50+sim-pace-20); parts that do not begin with "sim-" change nothing.
  POST /oauth/token takes the same names as scopes; also: sim-short (the token lives 1 s), sim-revoked (the
  token works once, then gives 401). The client_secret "sim-wrong" and the bearer key "sim-invalid" are refused."""
