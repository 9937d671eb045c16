"""Sends an event stream: the one place that knows the status has left, so that failures must become events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec
from aiohttp import web

from inferd import sse
from inferd.errors import Document, Failure
from inferd.rest.answer import PRODUCT
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
_ENCODER = msgspec.json.Encoder()

# A client that takes nothing for so long, while more waits to be sent, is gone: its stream costs an upstream.
STALLED_AFTER = 120.0

# What a client that is cut off gets to read its last event, and the shortest pause between two looks. Seconds.
LAST_WORD = 1.0
MIN_INTERVAL = 0.01


class EventStream:
    """One stream to a client. Made when the first items are there, so that the status 200 is true."""

    def __init__(self, request: Request, errors: Callable[[Failure], Document]) -> None:
        self._request = request
        self._errors = errors
        self._response = web.StreamResponse(headers=HEADERS)
        self._loop = asyncio.get_running_loop()
        self._keepalive = request.parts.config.server.sse_keepalive
        self._active = self._loop.time()
        self._writing = False
        self._ended = False
        self._beat: asyncio.TimerHandle | None = None
        self._comment: asyncio.Task[None] | None = None

    async def send(
        self, batches: AsyncIterator[Sequence[Item]], encode: Callable[[Sequence[Item]], bytes]
    ) -> web.StreamResponse:
        """Sends each batch, as ``encode`` makes it events, in one write as it comes; then ``[DONE]``.

        A failure on the way becomes ``event: error`` and ends the stream without ``[DONE]``. So does
        a request that is cut. A client that leaves ends it by cancellation or by ConnectionResetError.
        """
        await self._response.prepare(self._request.http)
        self._request.stream = self
        self._request.parts.open.streams += 1
        self._look_in()
        try:
            self._request.note_first_chunk()
            async for batch in batches:
                await self._write(encode(batch))
            await self._write(_DONE)
        except Failure as failure:
            await self._tell(failure)
        except asyncio.CancelledError:
            cut_by = self._request.take_cut()
            if cut_by is None:
                raise
            await self._tell_in_time(cut_by)
        finally:
            self._request.parts.open.streams -= 1
            self._stop_looking_in()
        return await self._finished()

    async def end(self, failure: Failure) -> web.StreamResponse:
        """See Begun."""
        if not self._ended:
            await self._tell(failure)
        return await self._finished()

    async def _finished(self) -> web.StreamResponse:
        self._ended = True
        await self._response.write_eof()
        return self._response

    async def _tell(self, failure: Failure) -> None:
        self._request.failure = failure
        await self._write(error_event(failure, self._errors))

    async def _tell_in_time(self, failure: Failure) -> None:
        # The cut may have cancelled a wait for a slow reader, whose future aiohttp would hand to the next wait.
        self._request.http.protocol._drain_waiter = None
        try:
            async with asyncio.timeout(LAST_WORD):
                await self._tell(failure)
                # A small event goes into the buffer without a wait; the end of the body waits for all of it.
                await self._finished()
        except TimeoutError:
            self._abort()
            raise ConnectionResetError("the client does not read") from None

    async def _write(self, data: bytes) -> None:
        self._active = self._loop.time()
        self._writing = True
        await self._response.write(data)
        self._writing = False

    def _look_in(self) -> None:
        """Looks for silence and stalled clients now and then, instead of setting a timer at every event."""
        silent = self._loop.time() - self._active
        if self._writing and silent >= STALLED_AFTER:
            self._abort()
            return
        interval = self._keepalive or STALLED_AFTER
        if self._keepalive and silent >= self._keepalive and not self._writing:
            self._comment = self._loop.create_task(self._send_comment())
            silent = 0.0
        self._beat = self._loop.call_later(max(interval - silent, MIN_INTERVAL), self._look_in)

    def _stop_looking_in(self) -> None:
        for waiting in (self._beat, self._comment):
            if waiting is not None:
                waiting.cancel()

    async def _send_comment(self) -> None:
        with suppress(ConnectionError):  # The client has left: the handler will be told, too.
            await self._write(_COMMENT)

    def _abort(self) -> None:
        if (transport := self._request.http.transport) is not None:
            transport.abort()


def error_event(failure: Failure, errors: Callable[[Failure], Document]) -> bytes:
    """``failure`` as the event that tells of it."""
    return sse.encode(_ENCODER.encode(errors(failure)), b"error")


def failure_answer(failure: Failure, errors: Callable[[Failure], Document]) -> web.Response:
    """A failure from before the first event: its true status, and one event as the body."""
    return web.Response(
        body=error_event(failure, errors), status=failure.status, headers={**HEADERS, **failure.headers}
    )
