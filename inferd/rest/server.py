"""aiohttp's server as a long-running daemon needs it: quiet about broken messages, silent about itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from inferd.errors import Failure, IllegalArgument, StatusFailure
from inferd.log import Log
from inferd.rest import answer

Dispatch = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# Request line and each header: as long as nginx takes them, and enough for the longest id and token.
MAX_LINE = 8190

# How long an unread body is still taken in after its request was refused, so that the client can read why. Seconds.
LINGERING = 2.0


class _Connection(RequestHandler):
    """aiohttp would echo a malformed message to its sender and log it with a traceback: key and all."""

    def __init__(self, manager: "Server", *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(manager, loop=loop, **kwargs)
        self._inferd = manager
        self._log = manager.log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol; with TLS this comes after the handshake."""
        super().connection_made(transport)
        self._inferd.connected += 1

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self._inferd.connected -= 1
        self._inferd.on_disconnect()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
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


class Server(web.Server):
    """Makes one connection handler for each client; hand it to ``web.ServerRunner``.

    ``keepalive_timeout`` in seconds also bounds how long a client may take over its first request's head.
    ``connected`` is the number of clients; ``on_disconnect`` is called after one of them has gone.
    """

    def __init__(self, dispatch: Dispatch, log: Log, *, keepalive_timeout: float, max_body: int) -> None:
        super().__init__(
            dispatch,
            request_factory=_request_factory(max_body),
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


def _request_factory(max_body: int) -> Callable[..., web.BaseRequest]:
    loop = asyncio.get_running_loop()

    def make(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=max_body)

    return make
