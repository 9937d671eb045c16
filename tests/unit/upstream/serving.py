"""A server whose connections are handled by a coroutine of the test's, and none of which outlives the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from inferd.upstream.http1 import Origin

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# Turns of the loop from a connection that was accepted to its handler.
TURNS = 4


@asynccontextmanager
async def serving(
    handle: Handle, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Origin]:
    """Serves with ``handle``, which must return at the end of the stream; a connection is closed when it does."""
    handling: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.transport.abort()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling[writer] = asyncio.create_task(handled(reader, writer))

    server = await asyncio.start_server(accepted, address, port, ssl=tls)
    try:
        yield Origin(tls is not None, address, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for writer in handling:
            writer.transport.abort()
        await asyncio.gather(*handling.values())
