"""A connection whose other end is in the test's hand."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inferd.upstream.connection import Connection, ConnectionResponse
from inferd.upstream.http1 import Origin

ORIGIN = Origin(False, "127.0.0.1", 80)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"

MAX_UNREAD = 64 * 1024

# More than the buffers of two sockets hold.
MUCH = 32 * 1024 * 1024


class Wire:
    """A connection and its upstream end; what its owner was told is in ``told``."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.told: list[str] = []
        self.connection: Connection
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def adopt(self, connection: Connection) -> None:
        self._note("adopt")

    def free(self, connection: Connection) -> None:
        self._note("free")

    def end(self, connection: Connection) -> None:
        self._note("end")

    def forget(self, connection: Connection) -> None:
        self._note("forget")

    def _note(self, what: str) -> None:
        self.told.append(what)
        self._news.set()

    async def until(self, what: str) -> None:
        while what not in self.told:
            self._news.clear()
            await self._news.wait()

    async def hear(self, expected: bytes) -> None:
        heard = b""
        while len(heard) < len(expected):
            heard += await self._loop.sock_recv(self.peer, 65536)
        assert heard == expected

    async def say(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.peer, data)

    async def gone(self) -> None:
        """Returns when the connection's end is closed."""
        try:
            while await self._loop.sock_recv(self.peer, 65536):
                pass
        except ConnectionResetError:
            pass
        await self.until("forget")

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    async def answered(self, first: bytes) -> ConnectionResponse:
        """A response whose answer began with ``first``."""
        asked = asyncio.create_task(self.connection.exchange(b"ask"))
        await self.hear(b"ask")
        await self.say(first)
        return await asked


async def rest(response: ConnectionResponse) -> bytes:
    body = b""
    while part := await response.read():
        body += part
    return body


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    """A wire, its connection up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        peer, _ = listening.accept()
    near.setblocking(False)
    peer.setblocking(False)
    wire = Wire(peer)
    _, wire.connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(ORIGIN, wire, MAX_UNREAD), sock=near
    )
    yield wire
    wire.connection.abort()
    await wire.until("forget")
    peer.close()
