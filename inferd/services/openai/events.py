"""Reads an upstream's event stream read by read: what came together is handed on together, and a failure last."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from inferd.errors import Failure, UpstreamRefusal
from inferd.schema.inference import Call
from inferd.services.openai.refusal import failure, upstream_error
from inferd.sse import Decoder, Event, EventTooLarge, events, values
from inferd.upstream.stream import Stream

Chunk = TypeVar("Chunk")
Item = TypeVar("Item")

# JSON documents in one event: nobody has a use for two. Megabytes of them would hold the loop for seconds.
MOST_DOCUMENTS = 1_000

_JSON = json.JSONDecoder()
_VISIBLE = re.compile(r"\S")
_DONE = b"data: [DONE]\n\n"


class EventReader(Generic[Chunk, Item]):
    """An async iterator of non-empty lists of what the events of ``stream`` hold.

    A subclass says what one event is, by ``decoder``, and what it holds: ``items`` sets ``finished`` once the upstream
    named a finish reason. The stream is whole when it ended with ``[DONE]`` or a finish reason, however it ended after
    that; otherwise, and when an event is an error or unreadable, iteration ends with a Failure, after everything that
    came before it.
    """

    decoder: "msgspec.json.Decoder[Chunk]"

    def __init__(self, call: Call, stream: Stream) -> None:
        self.call = call
        self.finished = False
        self._stream = stream
        self._framing = Decoder()
        self._end: Failure | None = None
        self._ended = False
        self._first: list[Item] | None = None
        self._write: Callable[[list[Item]], object]

    @property
    def ended(self) -> bool:
        """Whether all was read that is to come."""
        return self._ended

    def items(self, chunks: list[Chunk]) -> list[Item]:
        """What ``chunks`` hold, which came together; each is given once, in order."""
        raise NotImplementedError

    async def start(self) -> None:
        """Waits for the first items, so that a failure before them can still be told by its HTTP status."""
        try:
            self._first = await self._next()
        except StopAsyncIteration:
            self._ended = True

    def __aiter__(self) -> "EventReader[Chunk, Item]":
        return self

    async def __anext__(self) -> list[Item]:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._next()

    async def pipe(self, write: Callable[[list[Item]], bool], ready: Callable[[], Awaitable[None]]) -> None:
        """See Piped; ends as the iteration would, and what was iterated over before does not come again."""
        if not self._first_written(write):
            await ready()
        self._write = write
        while not self._ended:
            if await self._pushed():
                self._finish_early()
            elif not self._ended:
                await ready()
        if self._end is not None:
            raise self._end

    def _first_written(self, write: Callable[[list[Item]], bool]) -> bool:
        first, self._first = self._first, None
        return first is None or write(first)

    async def _pushed(self) -> bool:
        try:
            return await self._stream.push(self._take)
        except Failure as failure:
            if not self.finished:
                self._finish(failure)
                raise
            return True

    async def _next(self) -> list[Item]:
        batches: list[list[Item]] = []
        self._write = batches.append
        while not batches and not self._ended:
            data = await self._more()
            if not data:
                self._finish_early()
            elif self._take(data) is not False:
                self._stream.heard()
        if batches:
            # And kept no longer: it may be hundreds of objects, and the next may be long in coming.
            return batches.pop()
        if self._end is not None:
            raise self._end
        raise StopAsyncIteration

    async def _more(self) -> bytes:
        try:
            return await self._stream.read()
        except Failure as failure:
            if self.finished:
                return b""
            self._finish(failure)
            raise

    def _take(self, data: bytes) -> bool | None:
        """Writes what the events hold that ``data`` completes, if anything; False if it completes none.

        None at the end, or when the writer takes no more.
        """
        # What nearly all reads hold, at a fraction of the cost.
        chunk = self._framing.value(data, self.decoder)
        items = self._others(data) if chunk is None else self.items([chunk])
        if items and not self._write(items) or self._ended:
            return None
        return items is not None

    def _others(self, data: bytes) -> list[Item] | None:
        """What the events hold that ``data`` completes; None if it completes none."""
        try:
            lines = self._framing.whole(data)
        except EventTooLarge:
            self._finish(self._broken("an event of the stream is too large"))
            return None
        chunks = values(lines, self.decoder)
        if chunks is not None:
            return self.items(chunks)
        if lines.endswith(_DONE):
            before = lines[: -len(_DONE)]
            chunks = values(before, self.decoder) if before else []
            if chunks is not None:
                self._finish(None)
                return self.items(chunks)
        found = events(lines)
        return self._one_by_one(found) if found else None

    def _one_by_one(self, found: list[Event]) -> list[Item]:
        items: list[Item] = []
        try:
            for event in found:
                if event.data[:6].upper() == b"[DONE]":
                    self._finish(None)
                    break
                for chunk in self._chunks(event):
                    items += self.items([chunk])
        except Failure as told:
            self._finish(told)
        return items

    def _chunks(self, event: Event) -> Iterator[Chunk]:
        """The chunk in ``event``; or chunks, for Elasticsearch's parser takes several JSON documents, so some server
        must have sent them."""
        try:
            if event.name == b"error":
                raise self._error(event.data)
            yield self.decoder.decode(event.data)
        except (ValueError, RecursionError):
            documents = _split(event.data)
            if len(documents) < 2:
                raise self._error(event.data) from None
            for document in documents:
                yield from self._chunks(Event(event.name, document))

    def _error(self, data: bytes) -> UpstreamRefusal:
        error = upstream_error(data, self.call.secrets)
        reason = f"Received an error response for request from inference entity id [{self.call.inference_id}]"
        if error is not None:
            return failure(reason, error, error.status)
        return UpstreamRefusal(reason, 502, code="stream_error")

    def _broken(self, cause: str) -> UpstreamRefusal:
        reason = f"Received an error response for request from inference entity id [{self.call.inference_id}]"
        return UpstreamRefusal(f"{reason}. Error message: [{cause}]", 502, code="stream_error")

    def _finish_early(self) -> None:
        """The body has come to its end without ``[DONE]``."""
        self._finish(None if self.finished else self._broken("the stream ended before its answer did"))

    def _finish(self, end: Failure | None) -> None:
        self._ended, self._end = True, end


def _split(data: bytes) -> list[bytes]:
    """The JSON documents in ``data``, white space or nothing between them; none where one is malformed, or of many."""
    documents: list[bytes] = []
    try:
        text, at = data.decode(), 0
        while found := _VISIBLE.search(text, at):
            if len(documents) == MOST_DOCUMENTS:
                return []
            _, at = _JSON.raw_decode(text, found.start())
            documents.append(text[found.start() : at].encode())
    except (ValueError, RecursionError):
        return []
    return documents
