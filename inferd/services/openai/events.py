"""Reads an upstream's event stream read by read: what came together is handed on together, and a failure last."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from inferd.errors import Failure, UpstreamRefusal
from inferd.schema.inference import Call
from inferd.services.openai.refusal import failure, upstream_error
from inferd.sse import Decoder, Event, EventTooLarge, events, objects
from inferd.upstream.stream import Stream

Item = TypeVar("Item")

_JSON = json.JSONDecoder()
_DONE = b"data: [DONE]\n\n"


class EventReader(Generic[Item]):
    """An async iterator of non-empty lists of what the events of ``stream`` hold.

    A subclass says what one event holds: ``items`` may raise ValueError for what it cannot read, and sets
    ``finished`` once the upstream named a finish reason. The stream is whole when it ended with ``[DONE]`` or a
    finish reason, however it ended after that; otherwise, and when an event is an error or unreadable, iteration ends
    with a Failure, after everything that came before it.
    """

    def __init__(self, call: Call, stream: Stream) -> None:
        self.call = call
        self.finished = False
        self._stream = stream
        self._decoder = Decoder()
        self._end: Failure | None = None
        self._ended = False
        self._first: list[Item] | None = None

    def items(self, data: bytes) -> list[Item]:
        """What the event with ``data`` holds."""
        raise NotImplementedError

    def many(self, lines: bytes, count: int) -> list[Item] | None:
        """What ``count`` events hold, their data being the lines of ``lines``.

        None, and nothing has happened, where they have to be looked at one by one: if there are not as many values.
        """
        return None

    async def start(self) -> None:
        """Waits for the first items, so that a failure before them can still be told by its HTTP status."""
        try:
            self._first = await self._next()
        except StopAsyncIteration:
            self._ended = True

    def __aiter__(self) -> "EventReader[Item]":
        return self

    async def __anext__(self) -> list[Item]:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._next()

    async def pipe(self, write: Callable[[list[Item]], bool], ready: Callable[[], Awaitable[None]]) -> None:
        """See Piped; ends as the iteration would, and what was iterated over before does not come again."""
        if self._first is not None:
            first, self._first = self._first, None
            goes_on = write(first)
            del first  # It may be hundreds of objects, and the stream long.
            if not goes_on:
                await ready()

        def take(data: bytes) -> bool:
            items = self._read(data)
            return (not items or write(items)) and not self._ended

        while not self._ended:
            if await self._pushed(take):
                self._finish_early()
            elif not self._ended:
                await ready()
        if self._end is not None:
            raise self._end

    async def _pushed(self, take: Callable[[bytes], bool]) -> bool:
        try:
            return await self._stream.push(take)
        except Failure as failure:
            if not self.finished:
                self._finish(failure)
                raise
            return True

    async def _next(self) -> list[Item]:
        while not self._ended:
            data = await self._more()
            if not data:
                self._finish_early()
                break
            if items := self._read(data):
                return items
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

    def _read(self, data: bytes) -> list[Item]:
        items: list[Item] = []
        try:
            lines = self._decoder.whole(data)
            if (found := self._at_once(lines)) is not None:
                return found
            for event in events(lines):
                self._stream.heard()
                if event.data[:6].upper() == b"[DONE]":
                    self._finish(None)
                    break
                for document in self._documents(event):
                    items += document
        except EventTooLarge:
            self._finish(self._broken("an event of the stream is too large"))
        except Failure as told:
            self._finish(told)
        return items

    def _at_once(self, lines: bytes) -> list[Item] | None:
        """The items in ``lines`` if they hold what nearly all reads do, at a fraction of the cost."""
        chunks = lines.removesuffix(_DONE)
        data = objects(chunks)
        if data is None:
            return None
        items = self.many(data, data.count(b"\n") + 1)
        if items is not None:
            self._stream.heard()
            if len(chunks) < len(lines):
                self._finish(None)
        return items

    def _documents(self, event: Event) -> Iterator[list[Item]]:
        """The items of each JSON document in ``event``: one, but Elasticsearch's parser takes several, so some server
        must have sent them."""
        try:
            if event.name == b"error":
                raise self._error(event.data)
            yield self.items(event.data)
        except (ValueError, RecursionError):
            documents = _split(event.data)
            if len(documents) < 2:
                raise self._error(event.data) from None
            for document in documents:
                yield from self._documents(Event(event.name, document))

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


def values(decoder: "msgspec.json.Decoder[Item]", lines: bytes, count: int) -> list[Item] | None:
    """What ``decoder`` finds in ``lines``, if that is ``count`` values; None otherwise: see ``EventReader.many``."""
    try:
        found = decoder.decode_lines(lines)
    except (ValueError, RecursionError):
        return None
    return found if len(found) == count else None


def _split(data: bytes) -> list[bytes]:
    """The JSON documents in ``data``, white space or nothing between them; none where one is malformed."""
    try:
        text, at, documents = data.decode().strip(), 0, []
        while at < len(text):
            _, end = _JSON.raw_decode(text, at)
            documents.append(text[at:end].encode())
            at = len(text) - len(text[end:].lstrip())
    except (ValueError, RecursionError):
        return []
    return documents
