"""From a request to its answer: route, check, handle; whatever goes wrong becomes an answer and one line in the log."""

import asyncio
import secrets as randomness
from collections.abc import Callable
from itertools import count

from aiohttp.http import HttpVersion10
from aiohttp.hdrs import METH_ALL

from inferd.errors import Document, Failure, FlatFailure, IllegalArgument, StatusFailure, chat_envelope, envelope
from inferd.log import Log, RequestLine, where
from inferd.rest import answer, body, media_type
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.parts import Parts
from inferd.rest.request import Request
from inferd.rest.routing import Router
from inferd.rest.stream import failure_answer

# nginx's word for a client that left before its answer; it is only logged, never sent.
CLIENT_LEFT = 499

# Longer names for a request are nobody's idea of one.
MAX_OPAQUE = 200

# How a failure travels from a handler whose route names the carrier; None is a plain JSON body.
_EVENT_FORMS: dict[str, Callable[[Failure], Document]] = {"event": envelope, "chat": chat_envelope}


class Dispatcher:
    """Handles every request of the daemon: call it."""

    def __init__(self, router: Router, parts: Parts, log: Log) -> None:
        self._router = router
        self._parts = parts
        self._log = log
        # Names for requests, unlike those of any other daemon or day. Drawing each would take as long as logging it.
        self._ids = count(randomness.randbits(63))

    async def __call__(self, http: Http) -> Answer:
        """The answer, in every case; only a client that left gets none."""
        if http.version < HttpVersion10:
            return self._refuse_ancient(http)
        try:
            match = self._router.find(http.method, http.raw_path)
        except FlatFailure as failure:
            return await self._unrouted(http, failure)
        request = Request(http, match.route, match.values, self._parts)
        status = CLIENT_LEFT
        self._parts.open.add(request)
        try:
            response = await self._handled(request)
            status = response.status
            self._sign(http, response)
            return response
        except ConnectionError:
            raise asyncio.CancelledError from None
        finally:
            if status == CLIENT_LEFT and request.stream is not None and request.stream.whole:
                # It has all it asked for; what is left is only to wait for the end of the upstream's answer.
                status = 200
            elapsed = request.elapsed()
            self._count(request, status, elapsed)
            self._log_request(request, status, elapsed)
            # Last, so that whoever waits for the last one finds it in the log.
            self._parts.open.remove(request)
            # It holds the request: whatever outlives the moment in a circle waits for a collector that seldom comes.
            request.stream = None

    async def _handled(self, request: Request) -> Answer:
        try:
            return await self._answered(request)
        except Failure as failure:
            return await self._failed(request, failure)
        except asyncio.CancelledError:
            cut_by = request.take_cut()
            if cut_by is None:
                raise
            return await self._failed(request, cut_by)
        except Exception as bug:
            if isinstance(bug, ConnectionError) and request.client_left():
                raise
            # The one place where anything is caught: a bug must cost one request, and its text may hold anything.
            self._log.error("bug", exception=type(bug).__name__, where=where(bug), path=request.route.path)
            return await self._failed(request, StatusFailure("an internal error of inferd; its log has the place", 500))

    async def _answered(self, request: Request) -> Answer:
        """In Elasticsearch's order: key, media types, path, the body's being there, query; then the handler."""
        http, route = request.http, request.route
        self._admit(request)
        media_type.check_accept(http.headers)
        has_body = http.can_read_body
        if has_body:
            media_type.check_content_type(http.headers)
        _ = request.task_type
        if route.body == "required" and not has_body:
            raise body.missing()
        if route.body == "refused" and has_body and await request.raw():
            raise request.body_refused()
        request.check_parameters()
        request.carrier = route.carrier
        response = await route.handle(request)
        filter_path = request.query("filter_path")
        if filter_path:
            await answer.filter(response, filter_path)
        return await _in_form(http, response)

    def _admit(self, request: Request) -> None:
        guard, route = self._parts.guard, request.route
        if guard is not None and route.privilege is not None:
            key = guard.admit(
                request.http.headers.get("Authorization"), route.privilege, route.api, request.http.raw_path
            )
            request.client = key.name

    async def _failed(self, request: Request, failure: Failure) -> Answer:
        request.failure = failure
        if request.stream is not None:
            return await request.stream.end(failure)
        form = _EVENT_FORMS.get(request.carrier)
        if form is not None:
            return failure_answer(failure, form)
        # Errors are never filtered (AbstractRestChannel.newErrorBuilder).
        return await _in_form(request.http, answer.failure(failure))

    async def _unrouted(self, http: Http, failure: FlatFailure) -> Answer:
        if http.method == "OPTIONS" and "Allow" in failure.headers:
            response: Answer = answer.text("")
            response.headers["Allow"] = failure.headers["Allow"]
        else:
            response = await _in_form(http, answer.failure(failure))
        self._sign(http, response)
        method = http.method if http.method in METH_ALL else "other"
        self._log.request(RequestLine(method=method, status=response.status, remote=http.remote))
        return response

    def _refuse_ancient(self, http: Http) -> Answer:
        # Whatever came in place of HTTP was taken for its version 0.9, which is a word and a line end.
        self._log.malformed(http.remote, "HTTP/0.9")
        response = answer.failure(IllegalArgument("the request is not valid HTTP"))
        response.force_close()
        return response

    def _sign(self, http: Http, response: Answer) -> None:
        if response.prepared:
            return
        opaque = _opaque_id(http)
        if opaque is not None:
            response.headers["X-Opaque-Id"] = opaque
        if self._parts.draining:
            response.force_close()

    def _count(self, request: Request, status: int, elapsed: float) -> None:
        route = request.route
        self._parts.metrics.request(route.method, route.path, status, elapsed, request.inference_id, request.trace)

    def _log_request(self, request: Request, status: int, elapsed: float) -> None:
        http, trace = request.http, request.trace
        # With more than fifteen keywords CPython packs them into a dict first, and the call takes three times as long.
        line = RequestLine(
            id=_opaque_id(http) or f"{next(self._ids):016x}",
            method=http.method,
            route=request.route.path,
            endpoint=request.inference_id or None,
            task=trace.task_type,
            client=request.client,
            status=status,
            ms=_milliseconds(elapsed),
            upstream_status=trace.upstream_status,
            tokens_in=trace.input_tokens or None,
            tokens_out=trace.output_tokens or None,
            remote=http.remote,
        )
        if request.failure is not None:
            line.error = request.failure.type
        if trace.attempts:
            line.queue_ms = _milliseconds(trace.queued)
        if trace.attempts > 1:
            line.attempts = trace.attempts
        if trace.first_chunk is not None:
            line.first_chunk_ms = _milliseconds(trace.first_chunk)
        self._log.request(line)


def _milliseconds(seconds: float) -> float:
    """``seconds`` to the microsecond; ``round`` would take six times as long to say the same."""
    return int(seconds * 1_000_000) / 1000


async def _in_form(http: Http, response: Answer) -> Answer:
    """``response`` indented and of the media type of the client's ``Accept``, where it is JSON and was asked for."""
    if http.query_string and http.query.get("pretty") in ("", "true"):
        await answer.indent(response)
    answer.speak(response, http.headers.get("Accept"))
    return response


def _opaque_id(http: Http) -> str | None:
    """The client's own name for the request, if it may stand in a header and in the log."""
    opaque = http.headers.get("X-Opaque-Id")
    return opaque if opaque and len(opaque) <= MAX_OPAQUE and opaque.isascii() and opaque.isprintable() else None
