"""One request as a handler sees it: path and query read, body on demand, everything it may use at hand."""

import asyncio
import re
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import msgspec
from aiohttp.hdrs import ACCEPT, CONTENT_ENCODING
from multidict import CIMultiDictProxy, istr

from inferd.errors import Document, Failure, IllegalArgument
from inferd.rest import body
from inferd.rest.answer import Answer
from inferd.rest.did_you_mean import suggestion
from inferd.rest.http import Head, Http
from inferd.rest.media_type import answered
from inferd.rest.parts import Parts
from inferd.rest.routing import COMMON_FLAGS, COMMON_PARAMETERS, SPANS, Match, Route
from inferd.schema import timevalue
from inferd.schema.endpoint import Endpoint, TaskType
from inferd.schema.inference import Call, Deadline, Trace
from inferd.xcontent import parse_object

# Elasticsearch's BaseInferenceActionRequest: models write slowly, embeddings come at once. In seconds, and as printed.
DEFAULT_TIMEOUT = (30.0, "30s")
DEFAULT_TIMEOUTS = {TaskType.COMPLETION: (120.0, "2m"), TaskType.CHAT_COMPLETION: (120.0, "2m")}

# Bytes of an endpoint's settings. What is larger is nobody's, and would hold the loop for seconds: settings are read at
# once, and printed where they are wrong.
MAX_SETTINGS = 512 * 1024

# Longer waits are not kept in timers; a stream outlives its timeout anyway.
LONGEST_TIMEOUT = 7 * 86_400.0

# Task types as they are mostly written: found in a tenth of the time that parsing one takes.
_TASK_TYPES = {task_type.value: task_type for task_type in TaskType}

# Unknown parameters that likely names are looked for: nobody misspells more, and thousands fit into a path.
MOST_GUESSES = 10

_NO_QUERY: dict[str, str] = {}

# Longer names for a request are nobody's idea of one.
MAX_OPAQUE = 200

# A header is found in a third of the time by a name that knows its lower case.
_OPAQUE_ID, _TRACEPARENT = istr("X-Opaque-Id"), istr("traceparent")

# Version 00 of W3C Trace Context; ids of nothing but zeros are invalid.
_TRACE_CONTEXT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Begun(Protocol):
    """An answer whose status has left: a failure can only be told within it. ``whole`` once all of it has left."""

    whole: bool

    async def end(self, failure: Failure) -> Answer:
        """Tells of ``failure``, unless the answer is complete, and ends it."""
        ...


class Asked(msgspec.Struct, eq=False):
    """What a head asks for; ``asked_of`` makes it, once for all requests that share the head.

    ``parameters`` are those of the query, ``encoded`` tells of a Content-Encoding, ``spoken`` is the media type of an
    answer in JSON; ``opaque_id`` is the client's own name for the request, if it may stand in a header and in the log,
    ``traceparent`` is to be handed on. ``task_type`` is the path's, once that was checked. ``fit`` is True once a
    request with a body was found to be in order as far as its head goes.
    """

    route: Route
    inference_id: str
    parameters: Mapping[str, str]
    encoded: bool
    spoken: str
    opaque_id: str | None
    traceparent: str | None
    _task_type: str | None
    task_type: TaskType = TaskType.ANY
    fit: bool = False

    def __repr__(self) -> str:
        return f"<Asked {self.route.method} {self.route.path}>"

    def check_path(self) -> None:
        """Reads the task type in the path, ``any`` where it has none; StatusFailure for an unknown word."""
        word = self._task_type
        if word is not None:
            self.task_type = _TASK_TYPES.get(word) or TaskType.parse(word)


class Request(msgspec.Struct, eq=False):
    """What one handler works with; ``arrived`` makes it. ``http`` is the request as it came, and the way back.

    ``trace`` is filled while the request runs and read for its log line, as is ``failure``. ``carrier`` is
    how a failure travels (see Route): in a plain body until the handler runs, which may change it before it fails.
    ``stream`` is there once the answer has begun to leave.
    """

    http: Http
    asked: Asked
    parts: Parts
    _task: "asyncio.Task[Any] | None"
    _began: float
    _arrived: float
    _cut_by: Failure | None = None
    carrier: str = "body"
    client: str | None = None
    failure: Failure | None = None
    stream: Begun | None = None
    trace: Trace = msgspec.field(default_factory=Trace)

    def __repr__(self) -> str:
        return f"<Request {self.asked.route.method} {self.asked.route.path}>"

    @property
    def inference_id(self) -> str:
        """The endpoint's id in the path, empty where it has none."""
        return self.asked.inference_id

    @property
    def task_type(self) -> TaskType:
        """The task type in the path, ``any`` where it has none."""
        return self.asked.task_type

    def check_parameters(self) -> None:
        """IllegalArgument for query parameters the route does not know, with likely names where some are near.

        Also for one of those that every route knows, if it is neither true nor false, and for a span of time that is
        none: a handler of Elasticsearch reads its own before anything is done (BaseRestHandler).
        """
        for name in COMMON_FLAGS:
            self.flag(name)
        for name in SPANS:
            if name in self.asked.route.parameters:
                self.timeout(name)
        known = (*self.asked.route.parameters, *COMMON_PARAMETERS)
        unknown = sorted(name for name in self.asked.parameters if name not in known)
        if unknown:
            guessed = [f"[{name}]{_guess(name, known)}" for name in unknown[:MOST_GUESSES]]
            told = ", ".join([*guessed, *[f"[{name}]" for name in unknown[MOST_GUESSES:]]])
            noun = "parameter" if len(unknown) == 1 else "parameters"
            raise IllegalArgument(f"request [{self._path}] contains unrecognized {noun}: {told}")

    @property
    def _path(self) -> str:
        return self.http.head.raw_path.partition("?")[0]

    async def refuse_body(self) -> None:
        """IllegalArgument if there is a body, for nobody would read it."""
        if self.http.can_read_body and await self.raw():
            raise IllegalArgument(f"request [{self.http.head.method} {self._path}] does not support having a body")

    def flag(self, name: str) -> bool:
        """The query parameter ``name`` as true (also when given without a value) or false (also when absent)."""
        value = self.asked.parameters.get(name, "false")
        if value in ("true", ""):
            return True
        if value == "false":
            return False
        raise IllegalArgument(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")

    def query(self, name: str) -> str | None:
        """The query parameter ``name``, None if it is absent."""
        return self.asked.parameters.get(name)

    def timeout(self, name: str = "timeout") -> float:
        """The query parameter ``name`` in seconds, 0.0 where the default is to be taken."""
        text = self.asked.parameters.get(name)
        return timevalue.parse(text, name) if text is not None else 0.0

    def deadline(self, task_type: TaskType) -> Deadline:
        """When the time of this request, counted from its arrival, is over."""
        given = self.timeout() if self.asked.parameters else 0.0
        if given:
            return Deadline(self._arrived + min(given, LONGEST_TIMEOUT), timevalue.text_of(given))
        seconds, text = DEFAULT_TIMEOUTS.get(task_type, DEFAULT_TIMEOUT)
        return Deadline(self._arrived + seconds, text)

    def call(self, endpoint: Endpoint) -> Call:
        """What the endpoint's service needs to serve this request."""
        trace, task_type = self.trace, endpoint.task_type
        trace.task_type = task_type
        secrets = self.parts.store.secrets(endpoint.inference_id)
        return Call(endpoint, secrets, self.deadline(task_type), trace, None, self.asked.traceparent)

    def client_left(self) -> bool:
        """True once nobody is there any more to be answered."""
        transport = self.http.transport
        return transport is None or transport.is_closing()

    def cut(self, failure: Failure) -> None:
        """Ends the request from outside, with ``failure`` as its answer or as the last event of its stream."""
        self._cut_by = failure
        if self._task is not None:
            self._task.cancel()

    def take_cut(self) -> Failure | None:
        """For whoever catches a cancellation: the failure to tell if ``cut`` was its cause; None means raise on."""
        failure, self._cut_by = self._cut_by, None
        if failure is not None and self._task is not None:
            self._task.uncancel()
        return failure

    def note_first_chunk(self) -> None:
        """The first chunk is about to leave."""
        self.trace.first_chunk = self.elapsed()

    def elapsed(self) -> float:
        """Seconds since the request arrived."""
        # Not the loop's clock: uvloop's stands still within a turn and counts whole milliseconds.
        return time.monotonic() - self._began

    def at_hand(self) -> bytes | None:
        """The body where nothing has to be waited for, done or said before it can be read; else ``raw`` brings it."""
        given = self.http.body
        if given is None or self.asked.encoded:
            return None
        return given if len(given) <= self.parts.config.server.max_body else None

    def raw(self) -> Awaitable[bytes]:
        """The body, unpacked; empty if there is none. See ``body.receive`` for the failures."""
        return self._received(self.parts.config.server.max_body)

    async def document(self) -> Document:
        """The body as one JSON object, of settings; BodyMissing or MalformedContent for anything else."""
        limit = min(self.parts.config.server.max_body, MAX_SETTINGS)
        return parse_object(body.required(await self._received(limit)))

    def _received(self, limit: int) -> Awaitable[bytes]:
        return body.receive(self.http, limit=limit, timeout=self.parts.config.server.body_timeout)


def asked_of(head: Head, match: Match) -> Asked:
    """What ``head`` asks for with its headers, and the route of ``match``."""
    headers = head.headers
    return Asked(
        match.route,
        match.values.get("id", ""),
        # Of a parameter that is repeated the last value counts (RestUtils.decodeQueryString).
        dict(head.query.items()) if "?" in head.raw_path else _NO_QUERY,
        CONTENT_ENCODING in headers,
        answered(headers.get(ACCEPT)),
        opaque_id(headers),
        trace_context(headers.get(_TRACEPARENT)),
        match.values.get("task_type"),
    )


def arrived(http: Http, asked: Asked, parts: Parts) -> Request:
    """``http`` as a request for what its head asks for, which is served by this task from now on."""
    loop = asyncio.get_running_loop()
    return Request(http, asked, parts, asyncio.current_task(loop), time.monotonic(), loop.time())


def opaque_id(headers: CIMultiDictProxy[str]) -> str | None:
    """The client's own name for the request, if it may stand in a header and in the log."""
    opaque = headers.get(_OPAQUE_ID)
    return opaque if opaque and len(opaque) <= MAX_OPAQUE and opaque.isascii() and opaque.isprintable() else None


def trace_context(traceparent: str | None) -> str | None:
    """``traceparent`` if it is one (W3C Trace Context 3.2), so that nothing else is handed to an upstream."""
    if traceparent is None or _TRACE_CONTEXT.fullmatch(traceparent) is None:
        return None
    return traceparent


def _guess(name: str, known: tuple[str, ...]) -> str:
    near = suggestion(name, known)
    return f" -> {near}" if near else ""
