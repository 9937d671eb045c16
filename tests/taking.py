"""A server without the daemon around it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inferd.daemon.acceptor import BACKLOG
from inferd.rest.server import Server


@asynccontextmanager
async def taking(server: Server) -> AsyncIterator[int]:
    """The port at which ``server`` takes connections; at the end it is shut down as the daemon does it."""
    accepting = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, backlog=BACKLOG)
    try:
        yield accepting.sockets[0].getsockname()[1]
    finally:
        accepting.close()
        await asyncio.sleep(0)
        server.pre_shutdown()
        await server.shutdown(1)
