"""One request as it came over its connection, and the way back: all that inferd wants of its server."""

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import msgspec
from multidict import MultiDict, MultiDictProxy

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader
    from multidict import CIMultiDictProxy
    from yarl import URL

    from inferd.rest.request import Asked

# As aiohttp has them, too.
HTTP_10, HTTP_11 = (1, 0), (1, 1)

# A client that takes nothing for so long, while more waits to be sent, is gone: its answer holds memory, and its stream
# costs an upstream. Seconds.
STALLED_AFTER = 120.0

_NO_QUERY: MultiDictProxy[str] = MultiDictProxy(MultiDict())


class Head:
    """What a request says before its body. Nothing of it changes, for requests that say the same share it.

    ``raw_path`` is not decoded; ``headers`` are without the length of a body that is here as a whole; ``keep_alive`` is
    False if the client wants the connection closed after the answer. ``asked`` is what the dispatcher makes of it, None
    as long as it has not.
    """

    __slots__ = ("asked", "headers", "keep_alive", "method", "raw_path", "version")

    def __init__(self, method: str, raw_path: str, headers: "CIMultiDictProxy[str]") -> None:
        self.method = method
        self.raw_path = raw_path
        self.headers = headers
        self.version: tuple[int, int] = HTTP_11
        self.keep_alive = True
        self.asked: "Asked | None" = None

    @property
    def query_string(self) -> str:
        """What follows the ``?``, decoded; empty if nothing does."""
        return self._url.query_string if "?" in self.raw_path else ""

    @property
    def query(self) -> "MultiDictProxy[str]":
        """The parameters in the query, decoded."""
        return self._url.query if "?" in self.raw_path else _NO_QUERY

    @property
    def _url(self) -> "URL":
        # A fiftieth of a start, for what few requests have.
        from yarl import URL

        return URL.build(query_string=self.raw_path.partition("?")[2].partition("#")[0], encoded=True)


class Connection(Protocol):
    """What a request wants of the connection it came by; ``transport`` is None once the client has left."""

    transport: asyncio.Transport | None
    remote: str | None

    @property
    def paused(self) -> bool:
        """True while the client takes less than is sent."""
        ...

    async def drained(self) -> None:
        """Returns once more may be sent; ConnectionError when the client has left."""
        ...


class Http(msgspec.Struct, eq=False):
    """A request whose head has come; it is cheap, for nothing is looked at before somebody asks.

    ``body`` is all of the body if that came with the head; else it is None, and ``content`` gives it as it comes.
    """

    head: Head
    body: bytes | None
    connection: Connection
    content: "StreamReader | None" = None
    # aiohttp sets it, to break a circle of references.
    _task: "asyncio.Task[None] | None" = None

    def __repr__(self) -> str:
        return f"<Http {self.head.method}>"

    @property
    def remote(self) -> str | None:
        """The client's address."""
        return self.connection.remote

    @property
    def can_read_body(self) -> bool:
        """True if there is something of the body that was not read yet, or may still come."""
        return bool(self.body) if self.content is None else not self.content.at_eof()

    @property
    def content_length(self) -> int | None:
        """How long a body is said to be that is still to come, in bytes."""
        length = self.head.headers.get("Content-Length")
        return None if length is None else int(length)

    @property
    def transport(self) -> asyncio.Transport | None:
        """What the answer is written to; None once the client has left."""
        return self.connection.transport

    def write(self, data: "bytes | memoryview") -> bool:
        """Sends ``data`` as it is; False if the next should wait for ``drain``, for the client takes less than is sent.

        ConnectionResetError when the client has left.
        """
        connection = self.connection
        transport = connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has left")
        transport.write(data)
        return not connection.paused

    @property
    def writing_paused(self) -> bool:
        """True while the client takes less than is sent: the next ``write`` should wait for ``drain``."""
        return self.connection.paused

    async def drain(self) -> None:
        """Returns once more may be sent; ConnectionError when the client has left, or takes nothing and is cut off."""
        before = math.inf
        while (unsent := self._unsent()) < before:
            before = unsent
            with suppress(TimeoutError):
                async with asyncio.timeout(STALLED_AFTER):
                    return await self.connection.drained()
        self.abort()
        raise ConnectionResetError("the client does not read")

    def _unsent(self) -> int:
        """Bytes that the client has yet to take; none that are known of on a connection that is closed."""
        transport = self.connection.transport
        # asyncio's for TLS cannot be asked any more once it is closed.
        return 0 if transport is None or transport.is_closing() else transport.get_write_buffer_size()

    def abort(self) -> None:
        """Cuts the connection; nothing more is sent."""
        if (transport := self.connection.transport) is not None:
            transport.abort()

    # What aiohttp's RequestHandler asks of the requests it is given.

    def _cancel(self, problem: BaseException) -> None:
        assert self.content is not None  # or it would not be aiohttp's request
        self.content.set_exception(problem)

    def _finish(self) -> None:
        return


def made(
    message: "RawRequestMessage",
    content: "StreamReader",
    connection: Connection,
    writer: "AbstractStreamWriter",
    task: "asyncio.Task[None] | None",
) -> Http:
    """aiohttp's request factory: answers write to the transport themselves."""
    head = Head(message.method, message.path, message.headers)
    head.version = message.version
    head.keep_alive = not message.should_close
    return Http(head, None, connection, content)
