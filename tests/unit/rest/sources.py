"""Streams that a test hands out batch by batch."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from inferd.errors import envelope
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.routing import Route
from inferd.rest.stream import EventStream


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
