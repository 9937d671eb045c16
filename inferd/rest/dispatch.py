"""From a request to its answer: route, check, handle; whatever goes wrong becomes an answer and one line in the log."""

import asyncio
import secrets as randomness
from collections.abc import Callable

from aiohttp import web

from inferd.errors import Document, Failure, FlatFailure, StatusFailure, chat_envelope, envelope
from inferd.log import Log
from inferd.rest import answer
from inferd.rest.parts import Parts
from inferd.rest.request import Request
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

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """The answer, in every case; only a client that left gets none."""
        try:
            match = self._router.find(http.method, http.raw_path)
        except FlatFailure as failure:
            return self._unrouted(http, failure)
        request = Request(http, match.route, match.values, self._parts)
        status = CLIENT_LEFT
        self._parts.open.add(request)
        try:
            response = await self._answered(request)
            self._finish(http, response)
            status = response.status
            return response
        except ConnectionError:
            raise asyncio.CancelledError from None
        finally:
            self._parts.open.remove(request)
            self._log_request(request, status)

    async def _answered(self, request: Request) -> web.StreamResponse:
        try:
            _ = request.task_type
            await self._check_body(request)
            request.check_parameters()
        except Failure as failure:
            return self._failed(request, failure, "body")
        return await self._handled(request)

    async def _handled(self, request: Request) -> web.StreamResponse:
        try:
            return await request.route.handle(request)
        except Failure as failure:
            return self._failed(request, failure, request.carrier)
        except asyncio.CancelledError:
            cut_by = request.take_cut()
            if cut_by is None:
                raise
            return self._failed(request, cut_by, request.carrier)
        except ConnectionError:
            raise
        except Exception as bug:
            # The one place where anything is caught: a bug must cost one request, and its text may hold anything.
            self._log.error("bug", exception=type(bug).__name__, where=_where(bug), path=request.route.path)
            told = StatusFailure("an internal error of inferd; its log has the place", 500)
            return self._failed(request, told, request.carrier)

    async def _check_body(self, request: Request) -> None:
        if request.route.body == "refused" and request.http.can_read_body and await request.raw():
            raise request.body_refused()
        if request.route.body == "required":
            request.require_body()

    def _failed(self, request: Request, failure: Failure, carrier: str) -> web.Response:
        request.failure = failure
        form = _EVENT_FORMS.get(carrier)
        return answer.failure(failure) if form is None else failure_answer(failure, form)

    def _unrouted(self, http: web.BaseRequest, failure: FlatFailure) -> web.Response:
        if http.method == "OPTIONS" and "Allow" in failure.headers:
            response = answer.text("")
            response.headers["Allow"] = failure.headers["Allow"]
        else:
            response = answer.failure(failure)
        self._finish(http, response)
        self._log.request({"method": http.method, "status": response.status, "remote": http.remote})
        return response

    def _finish(self, http: web.BaseRequest, response: web.StreamResponse) -> None:
        if response.prepared:
            return
        opaque = http.headers.get("X-Opaque-Id")
        if opaque is not None:
            response.headers["X-Opaque-Id"] = opaque
        if self._parts.draining:
            response.force_close()

    def _log_request(self, request: Request, status: int) -> None:
        trace, failure = request.trace, request.failure
        self._log.request(
            {
                "id": request.http.headers.get("X-Opaque-Id") or randomness.token_hex(8),
                "method": request.http.method,
                "route": request.route.path,
                "endpoint": request.inference_id or None,
                "status": status,
                "error": failure.type if failure is not None else None,
                "ms": round(request.elapsed() * 1000, 3),
                "upstream_status": trace.upstream_status,
                "queue_ms": round(trace.queued * 1000, 3) if trace.attempts else None,
                "first_chunk_ms": round(trace.first_chunk * 1000, 3) if trace.first_chunk is not None else None,
                "attempts": trace.attempts if trace.attempts > 1 else None,
                "tokens_in": trace.input_tokens or None,
                "tokens_out": trace.output_tokens or None,
                "remote": request.http.remote,
            }
        )


def _where(bug: BaseException) -> str:
    """The innermost file and line, which say where without saying with what."""
    traceback = bug.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "?"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
