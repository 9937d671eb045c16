"""aiohttp's server as a long-running daemon needs it: quiet about broken messages, and silent about itself.

It gets the connections that bring anything else than the common request (see inferd.rest.server). What is used of its
insides is named in ``INSIDES``; a test says when it is no longer there.
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
from inferd.rest.http import Http, made

# How long an unread body is still taken in after its request was refused, so that the client can read why. Seconds.
LINGERING = 2.0

# Names of RequestHandler's that are not promised, all of them used in this file only.
INSIDES = ("_drain_helper", "_drain_waiter", "_reading_paused")


class Connection(RequestHandler):
    """aiohttp would echo a malformed message to its sender and log it with a traceback: key and all."""

    __slots__ = ("_left", "_log", "remote")

    def __init__(self, manager: "Server", *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(manager, loop=loop, **kwargs)
        self._left = manager.left
        self._log = manager.log
        self.remote: str | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self._left()

    @property
    def paused(self) -> bool:
        """See inferd.rest.http.Connection."""
        return self.writing_paused

    def resume_reading(self, resume_parser: bool = True) -> None:
        """See BaseProtocol, which would look for messages each time a body is read, though none can be held up."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def drained(self) -> None:
        """See inferd.rest.http.Connection."""
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
    """Goes on with connections that have brought something uncommon; ``left`` is called at the end of each."""

    def __init__(
        self,
        dispatch: Callable[[Http], Awaitable[Answer]],
        log: Log,
        left: Callable[[], None],
        *,
        keepalive_timeout: float,
    ) -> None:
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
        self.log = log
        self.left = left

    def go_on(self, transport: asyncio.Transport, remote: str | None, data: bytes, *, paused: bool) -> None:
        """Takes over ``transport``, by which ``data`` came; ``paused`` says that its client takes no more for now."""
        connection = Connection(self, loop=self._loop, **self._kwargs)
        connection.remote = remote
        connection.connection_made(transport)
        transport.set_protocol(connection)
        if paused:
            connection.pause_writing()
        connection.data_received(data)
