"""Sends an event stream: the one place that knows the status has left, so that failures must become events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from inferd import sse
from inferd.errors import Document, Failure, StatusFailure
from inferd.rest.answer import PRODUCT, Answer
from inferd.rest.http import HTTP_11
from inferd.rest.request import Request

Item = TypeVar("Item")

HEADERS = {
    **PRODUCT,
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    # nginx would otherwise hold events back until its buffer is full.
    "X-Accel-Buffering": "no",
}

_DONE = sse.encode(b"[DONE]")
_COMMENT = b":\n\n"
_LAST_CHUNK = b"0\r\n\r\n"
_ENCODER = msgspec.json.Encoder()

# What a client that is cut off gets to read its last event, and the shortest pause between two looks. Seconds.
LAST_WORD = 1.0
MIN_INTERVAL = 0.01


class EventStream:
    """One stream to a client. Made when the first items are there, so that the status 200 is true."""

    def __init__(self, request: Request, errors: Callable[[Failure], Document]) -> None:
        self._request = request
        self._errors = errors
        self._http = request.http
        self._answer = _beginning(request)
        self._loop = asyncio.get_running_loop()
        self._keepalive = request.parts.config.server.sse_keepalive
        self._active = self._loop.time()
        self._ended = False
        self.whole = False
        self._left = self._too_deep = False
        self._beat: asyncio.TimerHandle | None = None
        self._encode: Callable[[Sequence[Any]], bytes]
        # It leaves with the first event.
        self._unsent = self._answer.head(self._http, None)
        self._chunked = self._http.head.version == HTTP_11

    async def send(
        self, batches: AsyncIterator[Sequence[Item]], encode: Callable[[Sequence[Item]], bytes]
    ) -> Answer:
        """Sends each batch in one write as it comes; then ``[DONE]``.

        ``encode`` makes JSON of the items, each on a line that ends in LF: each becomes an event of its own.
        A failure on the way becomes ``event: error`` and ends the stream without ``[DONE]``. So does
        a request that is cut. A client that leaves ends it by cancellation or by ConnectionResetError.
        """
        self._encode = encode
        self._request.stream = self
        self._request.parts.open.streams += 1
        if self._keepalive:
            self._look_in()
        try:
            self._request.note_first_chunk()
            # See Piped. Asked for by its name: isinstance with a Protocol takes forty times as long.
            pipe: Callable[..., Awaitable[None]] | None = getattr(batches, "pipe", None)
            if pipe is not None:
                await pipe(self._sent, self._taken)
            else:
                await self._pull(batches)
            self._finish(_DONE)
        except Failure as failure:
            self._tell(failure)
        except asyncio.CancelledError:
            cut_by = self._request.take_cut()
            if cut_by is None:
                raise
            await self._tell_in_time(cut_by)
        finally:
            self._request.parts.open.streams -= 1
            self._stop_looking_in()
        return await self._finished()

    async def _pull(self, batches: AsyncIterator[Sequence[Any]]) -> None:
        async for batch in batches:
            if not self._sent(batch):
                del batch  # It may be hundreds of objects, and this may take long.
                await self._taken()

    async def end(self, failure: Failure) -> Answer:
        """See Begun."""
        self._tell(failure)
        return await self._finished()

    async def _finished(self) -> Answer:
        if self._http.writing_paused:
            await self._http.drain()
        self.whole = True
        return self._answer

    def _tell(self, failure: Failure) -> None:
        if not self._ended:
            self._request.failure = failure
            self._finish(error_event(failure, self._errors))

    async def _tell_in_time(self, failure: Failure) -> None:
        try:
            async with asyncio.timeout(LAST_WORD):
                self._tell(failure)
                await self._finished()
        except TimeoutError:
            self._http.abort()
            raise ConnectionResetError("the client does not read") from None

    def _write(self, events: bytes, last: bytes = b"") -> bool:
        """Sends ``events``; False if the client takes no more for now."""
        self._active = self._loop.time()
        chunk = b"%x\r\n%b\r\n%b" % (len(events), events, last) if self._chunked else events
        if self._unsent:
            chunk, self._unsent = self._unsent + chunk, b""
        return self._http.write(chunk)

    def _sent(self, batch: Sequence[Any]) -> bool:
        """Sends ``batch``; False if the client takes no more for now, or ``_taken`` will say why it never will."""
        try:
            return self._write(sse.encode_each(self._encode(batch)))
        except ConnectionError:
            self._left = True
        except RecursionError:
            self._too_deep = True
        return False

    def _finish(self, events: bytes) -> None:
        self._ended = True
        self._write(events, _LAST_CHUNK)

    async def _taken(self) -> None:
        """Waits for a client that is slower than its upstream; ConnectionResetError if it has left.

        StatusFailure 502 for an item that could not be written: what was just read may be too deep for that.
        """
        if self._left:
            raise ConnectionResetError("the client has left")
        if self._too_deep:
            raise StatusFailure("a chunk of the upstream is nested too deeply", 502)
        await self._http.drain()

    def _look_in(self) -> None:
        """Looks for silence now and then, instead of setting a timer at every event."""
        silent = self._loop.time() - self._active
        if silent >= self._keepalive and not self._http.writing_paused:
            with suppress(ConnectionError):  # The client has left: the handler will be told, too.
                self._write(_COMMENT)
            silent = 0.0
        # While the client takes less than is sent there is no silence to be filled, however long it lasts.
        pause = self._keepalive - silent % self._keepalive
        self._beat = self._loop.call_later(max(pause, MIN_INTERVAL), self._look_in)

    def _stop_looking_in(self) -> None:
        if self._beat is not None:
            self._beat.cancel()


def _beginning(request: Request) -> Answer:
    """The answer whose head leaves with the first event: nobody can add to it later, so it is signed here."""
    opaque_id = request.asked.opaque_id
    beginning = Answer(headers=HEADERS if opaque_id is None else {**HEADERS, "X-Opaque-Id": opaque_id})
    if request.parts.draining:
        beginning.force_close()
    return beginning


def error_event(failure: Failure, errors: Callable[[Failure], Document]) -> bytes:
    """``failure`` as the event that tells of it."""
    return sse.encode(_ENCODER.encode(errors(failure)), b"error")


def failure_answer(failure: Failure, errors: Callable[[Failure], Document]) -> Answer:
    """A failure from before the first event: its true status, and one event as the body."""
    return Answer(error_event(failure, errors), status=failure.status, headers={**HEADERS, **failure.headers})
