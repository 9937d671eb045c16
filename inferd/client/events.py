"""One stream of inferd's events, read with aiohttp-sse-client so that nothing is ever sent twice."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import aiohttp
from aiohttp_sse_client.client import READY_STATE_CONNECTING, EventSource

from inferd.client.failures import ServerRefused, StreamCut, reason_of
from inferd.client.target import Target

EVENT_STREAM = "text/event-stream"
DONE = "[DONE]"


async def events(
    session: aiohttp.ClientSession, target: Target, path: str, body: bytes
) -> AsyncGenerator[str, None]:
    """The data of each event that a POST of ``body`` is answered with, until ``[DONE]``.

    An ``event: error`` and an answer that is no stream are ServerRefused, an end without ``[DONE]`` is StreamCut,
    too long a silence a TimeoutError; aiohttp's failures come out as they are. The caller must close the generator
    (``contextlib.aclosing``).
    """

    def never_again() -> None:
        # Called before EventSource waits and repeats the POST (connecting), and where it gives up by itself (closed).
        if source.ready_state == READY_STATE_CONNECTING:
            raise StreamCut(f"{target.url} ended the stream without {DONE}: the answer is incomplete")

    source = EventSource(
        target.url + path,
        option={"method": "POST"},
        max_connect_retry=0,
        session=session,
        on_error=never_again,
        params=target.inference_query(),
        data=body,
        headers={"Content-Type": "application/json"},
        allow_redirects=False,
        raise_for_status=_only_a_stream(target),
    )
    try:
        async with asyncio.timeout(target.patience):
            await source.connect()
        while True:
            # Each wait has a deadline of its own: no time runs while stdout holds us up.
            async with asyncio.timeout(target.patience):
                event = await anext(source)
            if event.data == DONE:
                return
            if event.type == "error":
                raise ServerRefused(target.url, None, reason_of(event.data) or event.data)
            yield event.data
    finally:
        await source.close()


def _only_a_stream(target: Target) -> Callable[[aiohttp.ClientResponse], Awaitable[None]]:
    """A look at the response before EventSource's: that one forgets status and body of whatever is not a stream."""

    async def look(response: aiohttp.ClientResponse) -> None:
        if response.status != 200 or response.content_type != EVENT_STREAM:
            raise ServerRefused.of(target.url, response.status, await response.read(), response.content_type)

    return look
