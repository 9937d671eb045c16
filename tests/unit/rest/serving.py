"""Handlers of a test's own behind the real dispatcher and server."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from inferd.config import Log as LogConfig
from inferd.log import Log
from inferd.rest.dispatch import Dispatcher
from inferd.rest.http import Head, Http
from inferd.rest.parts import Parts
from inferd.rest.routing import Handler, Route, Router
from inferd.rest.server import Server
from tests.taking import taking


class Serving(NamedTuple):
    """Where the handlers are served, and what the log says."""

    port: int
    stream: io.StringIO
    server: Server

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log so far, line by line."""
        return [msgspec.json.decode(line) for line in self.stream.getvalue().splitlines()]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, raw: bytes) -> bytes:
        """All that is answered to ``raw`` until the connection is closed by the server."""
        reader, writer = await self.connect()
        try:
            writer.write(raw)
            async with asyncio.timeout(20):
                return await reader.read()
        finally:
            writer.close()

    async def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> tuple[str, bytes]:
        """The head, without its date, and the body of an answer after which the connection is closed."""
        length = [f"Content-Length: {len(body)}"] if body else []
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *length, *headers])
        answered, _, rest = (await self.say(f"{head}\r\n\r\n".encode() + body)).partition(b"\r\n\r\n")
        return answered.decode(), rest


class NoConnection:
    """What a request came by that nobody has sent; what is written to its ``transport`` is lost."""

    transport: asyncio.Transport | None = None
    remote: str | None = "127.0.0.1"
    known: tuple[bytes, bytes, Head] | None = None
    paused = False

    async def drained(self) -> None:
        """See Connection."""


def unsent(method: str, path: str) -> Http:
    """A request without headers or a body."""
    return Http(Head(method, path, CIMultiDictProxy(CIMultiDict())), b"", NoConnection())


def request(method: str, path: str, *headers: str) -> bytes:
    """The head of a request on a connection that is kept."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


@asynccontextmanager
async def serving(parts: Parts, routes: Sequence[Route]) -> AsyncIterator[Serving]:
    """``routes`` served with ``parts``."""
    stream = io.StringIO()
    log = Log(LogConfig(level="debug"), stream)
    server = Server(Dispatcher(Router(routes), parts, log), log, keepalive_timeout=30)
    async with taking(server) as port:
        yield Serving(port, stream, server)


async def untaken(parts: Parts, handle: Handler) -> list[object]:
    """The statuses in the log once ``handle`` has answered a client that takes nothing of it."""
    async with serving(parts, [Route("GET", "/x", handle)]) as here:
        _, writer = await here.connect()
        writer.write(request("GET", "/x"))
        async with asyncio.timeout(10):
            while not here.lines:
                await asyncio.sleep(0.01)
        writer.close()
    return [line["status"] for line in here.lines]
