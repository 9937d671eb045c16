"""aiohttp's server as a long-running daemon needs it: quiet about broken messages, silent about itself, and fast.

aiohttp owns every connection. The common request is served at once by the connection's task, without aiohttp's parser
and the machinery behind it; a connection that brings anything else is aiohttp's from then on. Both ways use the same
requests and answers, so that nobody can tell them apart.

What is used of aiohttp's insides is named in ``INSIDES``; a test says when it is no longer there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web_server
from aiohttp.web_protocol import RequestHandler

from inferd.errors import Failure, IllegalArgument, StatusFailure
from inferd.log import Log
from inferd.rest import answer, message
from inferd.rest.answer import Answer
from inferd.rest.http import Head, Http, made

Dispatch = Callable[[Http], Awaitable[Answer]]

# How long an unread body is still taken in after its request was refused, so that the client can read why. Seconds.
LINGERING = 2.0

# Bytes of a request whose end is waited for before aiohttp takes it, or of what came too early; and for how long such
# an end is waited for, in seconds: many clients send a head and its body separately, but right after each other.
MAX_HELD = 64 * 1024
PATIENCE = 0.01

# Names of RequestHandler's that are not promised, all of them used in this file only.
INSIDES = (
    "_close", "_drain_helper", "_drain_waiter", "_force_close", "_keepalive", "_keepalive_handle",
    "_keepalive_timeout", "_loop", "_next_keepalive_close_time", "_process_keepalive", "_reading_paused",
    "_task_handler", "_waiter",
)  # fmt: skip


class _Connection(RequestHandler):
    """aiohttp would echo a malformed message to its sender and log it with a traceback: key and all."""

    __slots__ = (
        "_handed_over", "_held", "_inferd", "_log", "_patience", "_serving", "known", "paused", "remote",
    )  # fmt: skip

    def __init__(self, manager: "Server", *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(manager, loop=loop, **kwargs)
        self._inferd = manager
        self._log = manager.log
        self._serving: Http | None = None
        # What came and is not served yet; aiohttp's parser has seen nothing at all until it is handed over.
        self._held = b""
        self._patience: asyncio.TimerHandle | None = None
        self._handed_over = False
        self.remote: str | None = None
        self.known: tuple[bytes, bytes, Head] | None = None
        # Asked for at every write; aiohttp's own word for it is a property.
        self.paused = False

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
        self._stop_waiting()
        self._inferd.connected -= 1
        self._inferd.on_disconnect()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        super().pause_writing()
        self.paused = True

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self.paused = False

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._handed_over or self._close or self._force_close:
            super().data_received(data)
            return
        if self._held:
            data = self._held + data
        if self._serving is not None:
            self._hold(data)
            return
        http, missing = message.read(data, self) or (None, 0)
        if http is not None and not missing:
            self._begin(http)
        elif 0 < missing <= MAX_HELD - len(data):
            self._wait_for_more(data)
        else:
            self._held = data
            self._hand_over()

    def _begin(self, http: Http) -> None:
        if self._held:
            self._held = b""
            self._stop_waiting()
        self._inferd.requests_count += 1
        self._serving = http
        # It is not there while the task is about to look for what comes next.
        if self._waiter is not None:
            self._waiter.set_result(None)

    def _wait_for_more(self, data: bytes) -> None:
        self._held = data
        if self._patience is None:
            self._patience = self._loop.call_later(PATIENCE, self._hand_over)

    def _hold(self, data: bytes) -> None:
        """Keeps what a client sends before it has its answer, and makes it wait with more."""
        self._held = data
        if len(data) > MAX_HELD and self.transport is not None:
            self.transport.pause_reading()

    def _hand_over(self) -> None:
        """From now on the connection is aiohttp's."""
        self._stop_waiting()
        self._handed_over = True
        data, self._held = self._held, b""
        super().data_received(data)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def start(self) -> None:
        """See RequestHandler: what the connection's task does; it serves the common requests until it hands over."""
        while self._keepalive and not self._handed_over:
            if self._serving is not None:
                await self._serve(self._serving)
            else:
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
        if self._handed_over:
            await super().start()

    async def _serve(self, http: Http) -> None:
        kept = False
        try:
            response = await self._inferd.dispatch(http)
            if not response.prepared:
                await response.prepare(http)
            kept = bool(response.keep_alive)
        except (asyncio.CancelledError, ConnectionError):
            # There is nobody to be told. A task that ends cancelled keeps the exception, and with it all that the
            # request had at hand, until the collector comes to what is old: days.
            pass
        finally:
            self._serving = None
            self._go_on(kept)

    def _go_on(self, kept: bool) -> None:
        """Does what aiohttp does after a request: closes, or rests for some time, or takes what has come."""
        transport = self.transport
        self._keepalive = kept and not self._close and not self._force_close and transport is not None
        if transport is None:
            return
        if not self._keepalive:
            self._task_handler = None
            transport.close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        if self._held:
            data, self._held = self._held, b""
            transport.resume_reading()
            self.data_received(data)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """See BaseProtocol, which would look for messages each time a body is read, though none can be held up."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Closes the connection, at the latest when its request was given ``timeout`` seconds to end."""
        self._force_close = True
        if self._serving is not None and self._task_handler is not None:
            await asyncio.wait([self._task_handler], timeout=timeout)
            if self._task_handler is not None:
                self._task_handler.cancel()
        await super().shutdown(timeout)

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
            max_line_size=message.MAX_LINE,
            max_field_size=message.MAX_LINE,
            access_log=None,
            # inferd unpacks bodies itself: aiohttp's way ends in a 500 on broken ones and blocks the loop on others.
            auto_decompress=False,
        )
        self.dispatch = dispatch
        self.log = log
        self.connected = 0
        self.on_disconnect: Callable[[], None] = _nothing

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


def _nothing() -> None:
    return
