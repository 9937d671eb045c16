"""One request as it came over its connection, and the way back: all that inferd wants of its server."""

import asyncio
from typing import TYPE_CHECKING, Protocol

from aiohttp.helpers import set_exception
from multidict import MultiDict, MultiDictProxy

if TYPE_CHECKING:
    from aiohttp import HttpVersion
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader
    from multidict import CIMultiDictProxy

_NO_QUERY: MultiDictProxy[str] = MultiDictProxy(MultiDict())


class Connection(Protocol):
    """What a request wants of the connection it came by; ``transport`` is None once the client has left."""

    transport: asyncio.Transport | None
    remote: str | None

    @property
    def writing_paused(self) -> bool:
        """True while the client takes less than is sent."""
        ...

    async def drained(self) -> None:
        """Returns once more may be sent; ConnectionError when the client has left."""
        ...


class Http:
    """A request whose head has come, and ``content``, its body as it comes.

    It is what aiohttp's server makes for each message, but a tenth of the work: nothing is looked at before somebody
    asks. ``raw_path`` is not decoded, ``remote`` is the client's address.
    """

    __slots__ = ("_connection", "_message", "_task", "content", "headers", "method", "raw_path", "remote", "version")

    def __init__(self, message: "RawRequestMessage", content: "StreamReader", connection: Connection) -> None:
        self._message = message
        self._connection = connection
        self.content = content
        self.method: str = message.method
        self.raw_path: str = message.path
        self.version: "HttpVersion" = message.version
        self.headers: "CIMultiDictProxy[str]" = message.headers
        self.remote = connection.remote
        # aiohttp sets it to break a circle of references.
        self._task: "asyncio.Task[None] | None" = None

    @property
    def query_string(self) -> str:
        """What follows the ``?``, decoded; empty if nothing does."""
        return self._message.url.query_string if "?" in self.raw_path else ""

    @property
    def query(self) -> "MultiDictProxy[str]":
        """The parameters in the query, decoded."""
        return self._message.url.query if "?" in self.raw_path else _NO_QUERY

    @property
    def keep_alive(self) -> bool:
        """False if the client wants the connection closed after the answer."""
        return not self._message.should_close

    @property
    def can_read_body(self) -> bool:
        """True if there is something of the body that was not read yet, or may still come."""
        return not self.content.at_eof()

    @property
    def content_length(self) -> int | None:
        """How long the body is said to be, in bytes."""
        length = self.headers.get("Content-Length")
        return None if length is None else int(length)

    @property
    def transport(self) -> asyncio.Transport | None:
        """What the answer is written to; None once the client has left."""
        return self._connection.transport

    def write(self, data: "bytes | memoryview") -> None:
        """Sends ``data`` as it is; ConnectionResetError when the client has left."""
        transport = self._connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has left")
        transport.write(data)

    @property
    def writing_paused(self) -> bool:
        """True while the client takes less than is sent: the next ``write`` should wait for ``drain``."""
        return self._connection.writing_paused

    async def drain(self) -> None:
        """Returns once more may be sent; ConnectionError when the client has left."""
        await self._connection.drained()

    def abort(self) -> None:
        """Cuts the connection; nothing more is sent."""
        if (transport := self._connection.transport) is not None:
            transport.abort()

    # What aiohttp's RequestHandler asks of the requests it is given.

    def _cancel(self, problem: BaseException) -> None:
        set_exception(self.content, problem)

    def _finish(self) -> None:
        return


def made(
    message: "RawRequestMessage",
    content: "StreamReader",
    connection: Connection,
    writer: "AbstractStreamWriter",
    task: "asyncio.Task[None]",
) -> Http:
    """aiohttp's request factory: answers write to the transport themselves."""
    return Http(message, content, connection)
