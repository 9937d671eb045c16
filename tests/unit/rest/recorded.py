"""A connection without a client: bytes go in, and what is answered is kept."""

import asyncio
import io
from typing import Any

from inferd.config import Log as LogConfig
from inferd.log import Log
from inferd.rest import aiohttp_server, answer, server
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.server import Server, _Connection
from tests.unit.rest.serving import request

# Turns of the loop after which whatever was sent is answered, or waits for more.
TURNS = 30

BODY = ("Content-Type: application/json", "Content-Length: 2")
GET = request("GET", "/x?a=b%20c")
POST = request("POST", "/x", *BODY) + b"{}"
UNFINISHED = request("POST", "/x", "Content-Length: 9") + b"{}"


class Recorded(asyncio.Transport):
    """Keeps what is written, and hands what comes to whom the connection belongs by then."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.closes = 0
        self.aborted = False
        self.waits = False
        self.protocol: asyncio.BaseProtocol | None = None

    def receives(self, data: bytes) -> None:
        """``data`` comes."""
        assert isinstance(self.protocol, asyncio.Protocol)
        self.protocol.data_received(data)

    def loses(self) -> None:
        """The client leaves."""
        assert isinstance(self.protocol, asyncio.Protocol)
        self.protocol.connection_lost(None)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See asyncio.Transport."""
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio.Transport."""
        self.written += data

    def get_write_buffer_size(self) -> int:
        """See asyncio.Transport."""
        return len(self.written)

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self.closed

    def close(self) -> None:
        """See asyncio.Transport."""
        self.closes += 1
        self.closed = True

    def abort(self) -> None:
        """See asyncio.Transport."""
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        """See asyncio.Transport."""
        self.waits = True

    def resume_reading(self) -> None:
        """See asyncio.Transport."""
        self.waits = False

    def get_extra_info(self, name: str, default: object = None) -> Any:
        """See asyncio.Transport."""
        return ("192.0.2.1", 1234) if name == "peername" else default


async def turns(count: int) -> None:
    """Lets the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


async def one_cut_and_one_waiting(connection: _Connection | aiohttp_server.Connection) -> None:
    """Waits twice for a client that takes no more, until it does: who waits first is cut, and the other is not."""
    cut = asyncio.create_task(connection.drained())
    await turns(2)
    cut.cancel()
    await turns(2)
    other = asyncio.create_task(connection.drained())
    await turns(2)
    assert cut.cancelled() and not other.done()
    connection.resume_writing()
    await other


async def echo(http: Http) -> Answer:
    """Says what came; ``/slow`` takes some turns over it, ``/blind`` does not read, ``/close`` closes."""
    head = http.head
    if "slow" in head.raw_path:
        await turns(7)
    body = b"unread"
    if "blind" not in head.raw_path:
        body = b"".join([part async for part in http.content.iter_any()]) if http.content else http.body or b""
    version = tuple(head.version)
    told = answer.text(f"{head.method} {head.raw_path} {version} {http.remote} {head.query_string} {body!r}")
    if "close" in head.raw_path:
        told.force_close()
    return told


def made_server(dispatch: server.Dispatch = echo, keepalive_timeout: float = 30) -> Server:
    """A server whose log nobody reads."""
    return Server(dispatch, Log(LogConfig(), io.StringIO()), keepalive_timeout=keepalive_timeout)


async def connected(
    dispatch: server.Dispatch, keepalive_timeout: float = 30, rest: int = 2
) -> tuple[_Connection, Recorded]:
    """A connection of a new server, ``rest`` turns old, and where it writes."""
    transport, connection = Recorded(), made_server(dispatch, keepalive_timeout)()
    assert isinstance(connection, _Connection)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    await turns(rest)
    return connection, transport
