"""From a request to its answer: route, check, handle; whatever goes wrong becomes an answer and one line in the log."""

import asyncio
import secrets as randomness
from collections.abc import Callable
from itertools import count

from aiohttp.hdrs import ACCEPT, AUTHORIZATION, METH_ALL

from inferd.auth import Guard
from inferd.errors import (
    AccessDenied,
    Document,
    Failure,
    FlatFailure,
    IllegalArgument,
    StatusFailure,
    chat_envelope,
    envelope,
)
from inferd.log import Log, RequestLine, where
from inferd.rest import answer, body, media_type
from inferd.rest.answer import Answer
from inferd.rest.http import HTTP_10, Http
from inferd.rest.parts import Parts
from inferd.rest.request import Request, arrived, asked_of, opaque_id
from inferd.rest.routing import Router
from inferd.rest.stream import failure_answer

# nginx's word for a client that left before its answer; it is only logged, never sent.
CLIENT_LEFT = 499

# How a failure travels from a handler whose route names the carrier; None is a plain JSON body.
_EVENT_FORMS: dict[str, Callable[[Failure], Document]] = {"event": envelope, "chat": chat_envelope}


class Dispatcher:
    """Handles every request of the daemon: call it."""

    def __init__(self, router: Router, parts: Parts, log: Log) -> None:
        self._router = router
        self._parts = parts
        self._log = log
        # Requests that have ended, each with its status and the seconds it took, until they are counted and logged.
        self._ended: list[tuple[Request, int, float]] = []
        # Names for requests, unlike those of any other daemon or day. Drawing each would take as long as logging it.
        self._ids = count(randomness.randbits(63))

    async def __call__(self, http: Http) -> Answer:
        """The answer, in every case; only a client that left gets none."""
        head = http.head
        if head.asked is None:
            if head.version < HTTP_10:
                return self._refuse_ancient(http)
            try:
                head.asked = asked_of(head, self._router.find(head.method, head.raw_path))
            except FlatFailure as failure:
                return await self._unrouted(http, failure)
        request, status = arrived(http, head.asked, self._parts), CLIENT_LEFT
        self._parts.open.add(request)
        try:
            response = await self._answered(request)
            self._sign(response, head.asked.spoken, head.asked.opaque_id)
            await response.prepare(http)
            status = response.status
            return response
        except ConnectionError:
            raise asyncio.CancelledError from None
        finally:
            if request.stream is not None:
                if status == CLIENT_LEFT and request.stream.whole:
                    # It has all it asked for; what is left is only to wait for the end of the upstream's answer.
                    status = 200
                # It holds the request: what outlives the moment in a circle waits for a collector that seldom comes.
                request.stream = None
            self._end(request, status)
            if request.failure is not None:
                # It, and the one it came from, hold all that was at hand where they passed.
                request.failure.__traceback__ = request.failure.__context__ = None
            # Last, so that whoever waits for the last one is told after it was logged.
            self._parts.open.remove(request)

    async def _answered(self, request: Request) -> Answer:
        """In Elasticsearch's order: key, media types, path, the body's being there, query; then the handler."""
        route, parameters = request.asked.route, request.asked.parameters
        try:
            self._check(request)
            if route.body == "refused":
                await request.refuse_body()
            if parameters:
                request.check_parameters()
            request.carrier = route.carrier
            response = await route.handle(request)
            return await _formed(request, response) if parameters else response
        except Failure as failure:
            return await self._failed(request, failure)
        except asyncio.CancelledError:
            cut_by = request.take_cut()
            if cut_by is None:
                raise
            return await self._failed(request, cut_by)
        except Exception as bug:
            # The one place where anything is caught: a bug must cost one request.
            return await self._failed(request, self._reported(request, bug))

    def _check(self, request: Request) -> None:
        http, asked = request.http, request.asked
        if self._parts.guard is not None:
            self._admit(request, self._parts.guard)
        if asked.fit and http.body:
            return
        has_body = http.can_read_body
        media_type.check(http.head.headers, has_body)
        asked.check_path()
        if not has_body and asked.route.body == "required":
            raise body.missing()
        asked.fit = has_body

    def _admit(self, request: Request, guard: Guard) -> None:
        head, route = request.http.head, request.asked.route
        if route.privilege is not None:
            key = guard.admit(head.headers.get(AUTHORIZATION), route.privilege, route.api, head.raw_path)
            request.client = key.name

    def _reported(self, request: Request, bug: Exception) -> Failure:
        """What is told of ``bug``, whose own text may hold anything; it is raised again if the client has just left."""
        if isinstance(bug, ConnectionError) and request.client_left():
            raise bug
        self._log.error("bug", exception=type(bug).__name__, where=where(bug), path=request.asked.route.path)
        return StatusFailure("an internal error of inferd; its log has the place", 500)

    async def _failed(self, request: Request, failure: Failure) -> Answer:
        request.failure = failure
        if request.stream is not None:
            return await request.stream.end(failure)
        form = _EVENT_FORMS.get(request.carrier)
        if form is not None:
            return failure_answer(failure, form)
        # Errors are never filtered (AbstractRestChannel.newErrorBuilder).
        return await _indented(request.http, answer.failure(failure))

    async def _unrouted(self, http: Http, failure: FlatFailure) -> Answer:
        head = http.head
        if head.method == "OPTIONS" and "Allow" in failure.headers:
            response: Answer = answer.text("")
            response.headers = {**response.headers, "Allow": failure.headers["Allow"]}
        else:
            response = await _indented(http, answer.failure(self._closed(http) or failure))
        self._sign(response, media_type.answered(head.headers.get(ACCEPT)), opaque_id(head.headers))
        method = head.method if head.method in METH_ALL else "other"
        self._log.requests([RequestLine(method=method, status=response.status, remote=http.remote)])
        return response

    def _closed(self, http: Http) -> AccessDenied | None:
        """Why who asks for what is not there is not even told so: it has no key."""
        head = http.head
        try:
            if self._parts.guard is not None:
                self._parts.guard.admit(head.headers.get(AUTHORIZATION), "monitor", "", head.raw_path)
        except AccessDenied as denied:
            return denied
        return None

    def _refuse_ancient(self, http: Http) -> Answer:
        # Whatever came in place of HTTP was taken for its version 0.9, which is a word and a line end.
        self._log.malformed(http.remote, "HTTP/0.9")
        response = answer.failure(IllegalArgument("the request is not valid HTTP"))
        response.force_close()
        return response

    def _sign(self, response: Answer, spoken: str, opaque: str | None) -> None:
        if response.prepared:
            return
        if spoken is not media_type.JSON:
            answer.speak(response, spoken)
        if opaque is not None:
            response.headers = {**response.headers, "X-Opaque-Id": opaque}
        if self._parts.draining:
            response.force_close()

    def _end(self, request: Request, status: int) -> None:
        # Answers leave at the end of the loop's turn: what nobody has to wait for is done in the next, for all of them.
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._account)
        self._ended.append((request, status, request.elapsed()))

    def _account(self) -> None:
        ended, self._ended = self._ended, []
        self._log.requests([self._counted(request, status, elapsed) for request, status, elapsed in ended])

    def _counted(self, request: Request, status: int, elapsed: float) -> RequestLine:
        asked, trace = request.asked, request.trace
        route, inference_id, attempts, first_chunk = asked.route, asked.inference_id, trace.attempts, trace.first_chunk
        self._parts.metrics.request(route.method, route.path, status, elapsed, inference_id, trace)
        # Without the names of its fields, which would take three times as long; the first three are the log's.
        return RequestLine(
            None,
            None,
            None,
            asked.opaque_id or "%016x" % next(self._ids),
            route.method,
            route.path,
            inference_id or None,
            trace.task_type,
            request.client,
            status,
            request.failure.type if request.failure is not None else None,
            _milliseconds(elapsed),
            trace.upstream_status,
            _milliseconds(trace.queued) if attempts else None,
            _milliseconds(first_chunk) if first_chunk is not None else None,
            attempts if attempts > 1 else None,
            trace.input_tokens or None,
            trace.output_tokens or None,
            request.http.connection.remote,
        )


def _milliseconds(seconds: float) -> float:
    """``seconds`` to the microsecond; ``round`` would take six times as long to say the same."""
    return int(seconds * 1_000_000) / 1000


async def _formed(request: Request, response: Answer) -> Answer:
    """``response`` as the query's parameters want it."""
    filter_path = request.query("filter_path")
    if filter_path:
        await answer.filter(response, filter_path)
    return await _indented(request.http, response)


async def _indented(http: Http, response: Answer) -> Answer:
    """``response``, indented if that was asked for."""
    if http.head.query.get("pretty") in ("", "true"):
        await answer.indent(response)
    return response
