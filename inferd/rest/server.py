"""The server: takes connections, and answers the common request at once, without a parser and the machinery behind it.

A connection that brings anything else is aiohttp's from then on. Both ways use the same requests and answers, so that
nobody can tell them apart.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from inferd.log import Log
from inferd.rest import message
from inferd.rest.answer import Answer
from inferd.rest.http import STALLED_AFTER, Head, Http

if TYPE_CHECKING:
    from inferd.rest import aiohttp_server

Dispatch = Callable[[Http], Awaitable[Answer]]

# Bytes of a request whose end is waited for before aiohttp takes it, or of what came too early; and for how long such
# an end is waited for, in seconds: many clients send a head and its body separately, but right after each other.
MAX_HELD = 64 * 1024
PATIENCE = 0.01


class _Connection(asyncio.Protocol):
    """One client's; see inferd.rest.http.Connection for what its requests want of it."""

    __slots__ = (
        "_closing", "_held", "_idle_until", "_loop", "_next", "_patience", "_room", "_server", "_serving", "_task",
        "_timer", "known", "paused", "remote", "transport",
    )  # fmt: skip

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._loop = server.loop
        # It serves one request after the other, and waits for the next in between.
        self._task: asyncio.Task[None] | None = None
        self._serving: Http | None = None
        self._next: asyncio.Future[None] | None = None
        # What came and is not served yet.
        self._held = b""
        self._patience: asyncio.TimerHandle | None = None
        self._closing = False
        # What whoever waits until more may be sent waits for.
        self._room: asyncio.Future[None] | None = None
        self.known: tuple[bytes, bytes, Head] | None = None
        self.paused = False
        self.remote: str | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol; with TLS this comes after the handshake."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        # That of a Unix socket has no name.
        self.remote = peer[0] if isinstance(peer, tuple) else None
        self._server.began(self)
        self._idle_until = self._loop.time() + self._server.keepalive_timeout
        self._timer: asyncio.TimerHandle | None = self._loop.call_at(self._idle_until, self._look_in)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        self._end()
        if self._room is not None and not self._room.done():
            self._room.set_exception(ConnectionResetError("the client has left"))
        if self._serving is not None and self._task is not None:
            self._task.cancel()
        # A task that is cancelled before it has begun would be held in a circle.
        self._task = None
        self._server.left()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._closing:
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

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self.paused = True

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.paused = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def drained(self) -> None:
        """See inferd.rest.http.Connection."""
        if self.transport is None:
            raise ConnectionResetError("the client has left")
        if self.paused:
            self._room = self._loop.create_future()
            await self._room

    def close(self) -> None:
        """Begins nothing more; what is served is the last."""
        self._closing = True
        self._stop_waiting()

    async def shutdown(self, timeout: float) -> None:
        """Closes the connection, at the latest when its request was given ``timeout`` seconds to end."""
        self.close()
        if self._serving is not None and self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)
        if self._serving is not None and self._task is not None:
            self._task.cancel()
        self._leave()

    def _begin(self, http: Http) -> None:
        if self._held:
            self._held = b""
            self._stop_waiting()
        self._serving = http
        if self._task is None:
            self._task = self._loop.create_task(self._serve())
        else:
            self._wake()

    def _wake(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(None)

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
        transport = self.transport
        assert transport is not None  # or nobody would have sent anything
        self._end()
        self._server.hand_over(transport, self.remote, self._held, paused=self.paused)

    def _end(self) -> None:
        self._stop_waiting()
        if self._timer is not None:
            self._timer.cancel()
        self.transport = None
        self._wake()
        self._server.connections.discard(self)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def _serve(self) -> None:
        kept = True
        try:
            while kept and self._serving is not None:
                kept = await self._answer(self._serving) and not self._closing and self.transport is not None
                self._serving = None
                if kept:
                    await self._rest()
        except (asyncio.CancelledError, ConnectionError):
            # There is nobody to be told. A task that ends cancelled keeps the exception, and with it all that the
            # request had at hand, until the collector comes to what is old: days.
            pass
        finally:
            self._serving = self._task = None
            self._leave()

    async def _answer(self, http: Http) -> bool:
        """Answers, and says whether there may be a next request."""
        response = await self._server.dispatch(http)
        if not response.prepared:
            await response.prepare(http)
        return bool(response.keep_alive)

    async def _rest(self) -> None:
        """Returns with the next request, which may have come already, or when there will be none."""
        self._idle_until = self._loop.time() + self._server.keepalive_timeout
        if self._timer is None:
            self._timer = self._loop.call_at(self._idle_until, self._look_in)
        if self._held and self.transport is not None:
            data, self._held = self._held, b""
            self.transport.resume_reading()
            self.data_received(data)
        if self._serving is None and self.transport is not None:
            self._next = self._loop.create_future()
            await self._next

    def _look_in(self) -> None:
        """Closes a connection that has been idle for too long."""
        self._timer = None
        if self._serving is not None:
            # The end of the request sets the timer anew.
            return
        if self._loop.time() < self._idle_until:
            self._timer = self._loop.call_at(self._idle_until, self._look_in)
        else:
            self._leave()

    def _leave(self) -> None:
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.close()
            # It is closed once the client has taken what is left, which it may never do.
            if transport.get_write_buffer_size():
                self._loop.call_later(STALLED_AFTER, transport.abort)


class Server:
    """Makes one protocol for each client; hand it to whoever accepts connections.

    ``keepalive_timeout`` in seconds also bounds how long a client may take over a request's head. ``connected`` is the
    number of clients; ``on_disconnect`` is called after one of them has gone. It must be made inside the running loop.
    """

    def __init__(self, dispatch: Dispatch, log: Log, *, keepalive_timeout: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.dispatch = dispatch
        self.keepalive_timeout = keepalive_timeout
        self.connections: set[_Connection] = set()
        self.connected = 0
        self.on_disconnect: Callable[[], None] = _nothing
        self.log = log
        self._aiohttp: "aiohttp_server.Server | None" = None

    def __call__(self) -> asyncio.Protocol:
        return _Connection(self)

    def began(self, connection: _Connection) -> None:
        """Counts one more client."""
        self.connections.add(connection)
        self.connected += 1

    def left(self) -> None:
        """Counts one client less."""
        self.connected -= 1
        self.on_disconnect()

    def hand_over(self, transport: asyncio.Transport, remote: str | None, data: bytes, *, paused: bool) -> None:
        """Leaves a connection to aiohttp; see its ``go_on``."""
        if self._aiohttp is None:
            # A third of a start: the daemon imports it when it is ready, beside its work.
            from inferd.rest.aiohttp_server import Server as AiohttpServer

            self._aiohttp = AiohttpServer(
                self.dispatch, self.log, self.left, keepalive_timeout=self.keepalive_timeout
            )
        self._aiohttp.go_on(transport, remote, data, paused=paused)

    def pre_shutdown(self) -> None:
        """Lets every connection end with the request it has."""
        for connection in self.connections:
            connection.close()
        if self._aiohttp is not None:
            self._aiohttp.pre_shutdown()

    async def shutdown(self, timeout: float) -> None:
        """Closes every connection, at the latest when its request was given ``timeout`` seconds to end.

        aiohttp waits twice as long as it is told.
        """
        ending = [connection.shutdown(timeout) for connection in self.connections]
        if self._aiohttp is not None:
            ending.append(self._aiohttp.shutdown(timeout))
        await asyncio.gather(*ending)


def _nothing() -> None:
    return
