"""A reader of event streams that is simple to check, and as much of a stream as readers use."""

from collections.abc import Callable

import msgspec

from inferd.errors import Failure
from inferd.schema.endpoint import TaskType
from inferd.services.openai.events import EventReader
from inferd.upstream.stream import Stream
from tests.unit.services.openai.endpoints import call

TOLD = "Received an error response for request from inference entity id [e]"


class Numbers(EventReader[list[int], int]):
    """Each event is a list of numbers; a nought is the finish."""

    decoder = msgspec.json.Decoder(list[int])

    def items(self, chunks: list[list[int]]) -> list[int]:
        numbers = [number for chunk in chunks for number in chunk]
        self.finished = self.finished or 0 in numbers
        return [number for number in numbers if number]


class Pieces:
    """As much of a Stream as a reader uses: gives ``pieces``, then fails with ``end`` or ends."""

    def __init__(self, pieces: list[bytes], end: Failure | None = None) -> None:
        self.reads = 0
        self.sounds: list[int] = []
        self._pieces = pieces
        self._end = end

    async def read(self) -> bytes:
        self.reads += 1
        if self._pieces:
            return self._pieces.pop(0)
        if self._end is not None:
            raise self._end
        return b""

    async def push(self, take: Callable[[bytes], bool | None]) -> bool:
        while data := await self.read():
            heard = take(data)
            if heard is None:
                return False
            if heard:
                self.heard()
        return True

    def heard(self) -> None:
        self.sounds.append(self.reads)


def reader_of(pieces: Pieces) -> Numbers:
    stream: Stream = pieces  # type: ignore[assignment]  # it has the methods a reader uses
    return Numbers(call(TaskType.COMPLETION), stream)
