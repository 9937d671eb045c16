"""Streams that a test hands out batch by batch."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing

import msgspec

from inferd import sse
from inferd.errors import envelope
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.routing import Route
from inferd.rest.stream import EventStream
from tests.served import Served
from tests.unit.rest.serving import Serving, request

ERROR = b'event: error\ndata: {"error":{"root_cause":[{"type":"status_exception","reason":"no"}],"type":"status_'
ONE, TWO, THREE, DONE = map(sse.encode, (b"1", b"2", b"3", b"[DONE]"))


class Source:
    """Batches as a test hands them out; knows when its reader is gone."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[Sequence[bytes] | Exception | None] = asyncio.Queue()
        self.begun, self.left = asyncio.Event(), asyncio.Event()

    async def read(self) -> AsyncIterator[Sequence[bytes]]:
        """The batches until None; an exception is raised."""
        self.begun.set()
        try:
            while (batch := await self.batches.get()) is not None:
                if isinstance(batch, Exception):
                    raise batch
                yield batch
        finally:
            self.left.set()

    def stream(self, reading: AsyncIterator[Sequence[bytes]]) -> AsyncIterator[Sequence[bytes]]:
        """What the handler is given."""
        return reading

    async def handle(self, request: Request) -> Answer:
        """Streams what it is given, one event an item, which ends in LF."""
        reading = self.read()
        try:
            return await EventStream(request, envelope).send(self.stream(reading), b"".join)
        finally:
            await reading.aclose()  # type: ignore[attr-defined]  # an async generator has it

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/x", self.handle, carrier="event")]


class PipedSource(Source):
    """The same, handed on in the moment it comes."""

    def stream(self, reading: AsyncIterator[Sequence[bytes]]) -> AsyncIterator[Sequence[bytes]]:
        """See Source."""
        piped: AsyncIterator[Sequence[bytes]] = Pipe(reading)  # type: ignore[assignment]  # a stream that is piped
        return piped


class Pipe:
    """See Piped."""

    def __init__(self, reading: AsyncIterator[Sequence[bytes]]) -> None:
        self._reading = reading

    async def pipe(self, write: Callable[[Sequence[bytes]], bool], ready: Callable[[], Awaitable[None]]) -> None:
        """See Piped."""
        async for batch in self._reading:
            if not write(batch):
                await ready()


def chunk(data: bytes) -> bytes:
    """``data`` as the server sends it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def keep_alive(inferd: Served, seconds: float) -> None:
    """Changes the pause after which a silent stream is commented."""
    config = inferd.parts.config
    server = msgspec.structs.replace(config.server, sse_keepalive=seconds)
    inferd.parts.config = msgspec.structs.replace(config, server=server)


@asynccontextmanager
async def begun(here: Serving, source: Source) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which a stream has begun, its head and first batch read."""
    reader, writer = await here.connect()
    with closing(writer):
        yield await _asked(reader, writer, source)


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: Source
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    writer.write(request("GET", "/x"))
    await source.batches.put([b"1\n"])
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/event-stream" in head and b"X-Accel-Buffering: no" in head
    assert await reader.readexactly(len(chunk(ONE))) == chunk(ONE)
    return reader, writer
