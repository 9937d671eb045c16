"""A server whose connections are handled by a coroutine of the test's, and none of which outlives the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from inferd.upstream.http1 import Origin

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    handle: Handle, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Origin]:
    """Serves with ``handle``, which must return when its client leaves; a connection is closed when it does."""
    handling: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.add(task)
        with suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.transport.abort()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    server = await asyncio.start_server(handled, address, port, ssl=tls)
    try:
        yield Origin(tls is not None, address, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        if handling:
            await asyncio.wait(handling)
