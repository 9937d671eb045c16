"""The simulator as a listening server: started, asked, closed."""

import asyncio
import logging
from types import TracebackType
from typing import Self

from inferd.simulator.connection import Connection, Counters
from inferd.simulator.http1 import Limits
from inferd.simulator.routes import State

_log = logging.getLogger(__name__)

# As many clients may knock at once: load tests open all their streams in the same moment.
_BACKLOG = 4096


class Simulator:
    """An OpenAI-compatible server without a model: the same request gets the same answer.

    ``pace`` is the time in seconds between two events of a stream, nought for as fast as the client reads.
    Use it as an async context manager, or call start and close.
    """

    def __init__(self, pace: float = 0.0, limits: Limits | None = None) -> None:
        self._pace = pace
        self._limits = limits or Limits()
        self._state = State()
        self._counters = Counters()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._origin = ""

    def __repr__(self) -> str:
        return f"<Simulator {self._origin or 'not listening'} {self._counters}>"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; port 0 takes a free one, which ``base_url`` then tells. OSError if the address is taken."""
        if self._server is not None:
            raise RuntimeError("the simulator listens already")
        self._server = await asyncio.start_server(self._accept, host, port, backlog=_BACKLOG)
        address, port = self._server.sockets[0].getsockname()[:2]
        self._origin = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        _log.info("simulator (no model answers here) listens on %s", self._origin)

    async def close(self) -> None:
        """Stops listening and ends every connection at once; does nothing when not started."""
        server, self._server, self._origin = self._server, None, ""
        if server is None:
            return
        server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        """What an OpenAI client calls its base URL: ``http://HOST:PORT/v1``."""
        return f"{self._listening()}/v1"

    @property
    def token_url(self) -> str:
        """Where OAuth2 client credentials give a token."""
        return f"{self._listening()}/oauth/token"

    @property
    def requests(self) -> int:
        """Requests read since the start, refused ones included."""
        return self._counters.requests

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return self._counters.open_connections

    @property
    def open_streams(self) -> int:
        """Streams that are being answered now."""
        return self._counters.open_streams

    @property
    def left_streams(self) -> int:
        """Streams whose client left before their end, since the start."""
        return self._counters.left_streams

    def _listening(self) -> str:
        if not self._origin:
            raise RuntimeError("the simulator is not listening")
        return self._origin

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client may have been let in by the system just before the listening ended.
        if self._server is None:
            writer.transport.abort()
            return
        connection = Connection(reader, writer, self._state, self._counters, self._limits, self._pace)
        task = asyncio.create_task(connection.run())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)


async def serve(host: str, port: int, pace: float = 0.0, stop: asyncio.Event | None = None) -> None:
    """Runs a simulator until ``stop`` is set or the task is cancelled; ``pace`` as in Simulator."""
    simulator = Simulator(pace)
    await simulator.start(host, port)
    try:
        await (stop or asyncio.Event()).wait()
    finally:
        await simulator.close()
