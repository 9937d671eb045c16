"""An errand whose answer is read while it comes: opened, begun, and let go of however it ends."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from inferd.schema.inference import Call
from inferd.services.openai.events import EventReader
from inferd.upstream.errand import Errand
from inferd.upstream.sender import Sender, Streaming
from inferd.upstream.stream import Stream

Chunk = TypeVar("Chunk")
Item = TypeVar("Item")


class Reading(Generic[Chunk, Item]):
    """Entering means that the first items are there, and gives what ``reader`` makes; leaving releases the connection.

    As a generator it would be shorter, and take four times as long.
    """

    def __init__(
        self,
        sender: Sender,
        errand: Awaitable[Errand],
        reader: Callable[[Call, Stream], EventReader[Chunk, Item]],
    ) -> None:
        self._sender = sender
        self._errand = errand
        self._reader = reader
        self._streaming: Streaming
        self._events: EventReader[Chunk, Item]

    async def __aenter__(self) -> EventReader[Chunk, Item]:
        errand = await self._errand
        self._streaming = self._sender.stream(errand)
        self._events = self._reader(errand.call, await self._streaming.__aenter__())
        try:
            await self._events.start()
        except BaseException:
            await self._streaming.close(finished=False)
            raise
        return self._events

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Whoever leaves before the end, as a trial does, has had enough.
        await self._streaming.close(finished=kind is None and self._events.ended)
