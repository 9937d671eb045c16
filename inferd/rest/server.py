"""aiohttp's server as a long-running daemon needs it: quiet about broken messages, silent about itself, and fast.

aiohttp parses every message and owns every connection. The common request, whose body has come with its head on a
connection that has nothing else to do, is served at once by a task of its own, without the machinery aiohttp has for
all others; both ways use the same requests and answers, so that nobody can tell them apart.

What is used of aiohttp's insides is named in ``INSIDES``; a test says when it is no longer there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web_server
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from inferd.errors import Failure, IllegalArgument, StatusFailure
from inferd.log import Log
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.http import Http, made

Dispatch = Callable[[Http], Awaitable[Answer]]

# Request line and each header: as long as nginx takes them, and enough for the longest id and token.
MAX_LINE = 8190

# How long an unread body is still taken in after its request was refused, so that the client can read why. Seconds.
LINGERING = 2.0

# Names of RequestHandler's that are not promised, all of them used in this file only.
INSIDES = (
    "_buffer_paused", "_close", "_drain_helper", "_drain_waiter", "_force_close", "_handle_request", "_keepalive",
    "_keepalive_handle", "_keepalive_timeout", "_loop", "_messages", "_next_keepalive_close_time", "_parser",
    "_process_keepalive", "_reading_paused", "_request_in_progress", "_upgraded", "_waiter",
)  # fmt: skip


class _Connection(RequestHandler):
    """aiohttp would echo a malformed message to its sender and log it with a traceback: key and all."""

    __slots__ = ("_held", "_inferd", "_log", "_serving", "remote")

    def __init__(self, manager: "Server", *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(manager, loop=loop, **kwargs)
        self._inferd = manager
        self._log = manager.log
        self._serving: asyncio.Task[None] | None = None
        self._held: list[Any] = []
        self.remote: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol; with TLS this comes after the handshake."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        # That of a Unix socket has no name.
        self.remote = peer[0] if isinstance(peer, tuple) else None
        self._inferd.connected += 1

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self._stop_serving()
        self._inferd.connected -= 1
        self._inferd.on_disconnect()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol; aiohttp's own task is woken only for what is not common."""
        if self._held:
            self._messages.extend(self._held)
            self._held.clear()
        waiter = self._waiter
        # Without it aiohttp's method only parses and queues.
        self._waiter = None
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        if waiter is not None:
            self._look()
        elif len(self._messages) == 1 and not self._request_in_progress and not self._upgraded:
            # aiohttp's task has not begun, or is about to come back: it would take a new connection's first request,
            # and with a busy client each that follows. It does not see this one, and waits by the time it is let go.
            self._held.append(self._messages.popleft())
            self._loop.call_soon(self._let_go)

    def _let_go(self) -> None:
        self._messages.extend(self._held)
        self._held.clear()
        self._look()

    def _look(self) -> None:
        """Has what has come served, if nothing is."""
        waiter = self._waiter
        if not self._messages or self._serving is not None or waiter is None or waiter.done():
            return
        if not self._begin():
            waiter.set_result(None)

    def _begin(self) -> bool:
        """Serves the one request there is, if it is common and all there."""
        message, content = self._messages[0]
        if len(self._messages) > 1 or self._upgraded or self._buffer_paused:
            return False
        if not isinstance(message, RawRequestMessage) or not content.is_eof() or content.exception() is not None:
            return False
        assert self._parser is not None  # until the connection is lost
        self._messages.clear()
        self._parser.message_consumed()
        self._inferd.requests_count += 1
        self._serving = self._loop.create_task(self._serve(Http(message, content, self)))
        return True

    async def _serve(self, http: Http) -> None:
        kept = False
        try:
            response, left = await self._handle_request(cast(Any, http), None, cast(Any, self._inferd.request_handler))
            kept = bool(response.keep_alive) and not left
        except asyncio.CancelledError:
            # There is nobody to be told. A task that ends cancelled keeps the exception, and with it all that the
            # request had at hand, until the collector comes to what is old: days.
            pass
        finally:
            self._serving = None
            self._go_on(kept)

    def _go_on(self, kept: bool) -> None:
        """What aiohttp's task does after a request: closes, rests for some time, or takes what has come meanwhile."""
        if not kept or self._close or self._force_close:
            if self.transport is not None:
                self.transport.close()
            return
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        self._look()

    def _process_keepalive(self) -> None:
        if self._serving is None:
            super()._process_keepalive()
        else:
            # aiohttp would take the connection for an idle one; the end of the request sets the timer anew.
            self._keepalive_handle = None

    def resume_reading(self, resume_parser: bool = True) -> None:
        """See BaseProtocol, which would look for messages each time a body is read, though none can be held up."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Closes the connection, at the latest when its request was given ``timeout`` seconds to end."""
        await super().shutdown(timeout)
        self._stop_serving()

    def _stop_serving(self) -> None:
        if self._serving is not None:
            self._serving.cancel()

    async def drained(self) -> None:
        """See Connection."""
        if self._drain_waiter is not None and self._drain_waiter.cancelled():
            # Whoever waited was cut; aiohttp would hand the cancellation on to whoever waits next.
            self._drain_waiter = None
        await self._drain_helper()

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> Any:
        """The answer to a message that is no HTTP; nothing of it is repeated anywhere."""
        kind = type(exc).__name__
        if status == 400:
            self._log.malformed(request.remote, kind)
            told: Failure = IllegalArgument("the request is not valid HTTP")
        else:
            # The dispatcher itself has failed, which answers everything else.
            self._log.error("bug", exception=kind, where="dispatch")
            told = StatusFailure("an internal error of inferd; its log has the place", 500)
        response = answer.failure(told)
        response.force_close()
        return response


class Server(web_server.Server):
    """Makes one connection handler for each client; hand it to whoever accepts connections.

    ``keepalive_timeout`` in seconds also bounds how long a client may take over its first request's head.
    ``connected`` is the number of clients; ``on_disconnect`` is called after one of them has gone.
    """

    def __init__(self, dispatch: Dispatch, log: Log, *, keepalive_timeout: float) -> None:
        super().__init__(
            cast(Any, dispatch),
            request_factory=cast(Any, made),
            handler_cancellation=True,
            keepalive_timeout=keepalive_timeout,
            lingering_time=LINGERING,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            access_log=None,
            # inferd unpacks bodies itself: aiohttp's way ends in a 500 on broken ones and blocks the loop on others.
            auto_decompress=False,
        )
        self.log = log
        self.connected = 0
        self.on_disconnect: Callable[[], None] = _nothing

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


def _nothing() -> None:
    return
