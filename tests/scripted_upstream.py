"""An upstream that follows a script: bytes and deeds, exact to the byte, as no well-behaved server would do them."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import NamedTuple

import msgspec

# What a script is made of: bytes to be said, or a deed.
Deed = Callable[["Connection"], Awaitable[None]]
Act = bytes | Deed
Script = Sequence[Act]


class Received(NamedTuple):
    """A request as it came."""

    head: bytes
    body: bytes


class Connection:
    """One connection, as a deed sees it."""

    def __init__(self, upstream: "Upstream", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.upstream = upstream
        self.reader = reader
        self.writer = writer
        self.finished = False

    async def say(self, data: bytes) -> None:
        """Sends ``data`` as soon as the peer takes it."""
        # uvloop's transports take nothing more once they are closed, and say so by another exception.
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    async def request(self) -> Received:
        """The next request; IncompleteReadError once the peer has left."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return Received(head, await self.reader.readexactly(length))


class Upstream:
    """Answers requests by their scripts: the first one by ``scripts[0]``, and from the last on always by the last.

    ``received`` are the requests that came whole; ``connections`` counts all that were accepted, ``open`` those
    that are not closed yet.
    """

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.scripts = scripts
        self.received: list[Received] = []
        self.connections = 0
        self.open = 0
        self.url = ""
        self.address = ""
        self.lost: list[float] = []
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def settled(self, condition: Callable[["Upstream"], bool]) -> None:
        """Returns once ``condition`` is true of it."""
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()

    async def gone(self) -> None:
        """Returns once no connection is open."""
        await self.settled(lambda upstream: upstream.open == 0)

    async def asked(self, times: int = 1) -> None:
        """Returns once so many requests have come."""
        await self.settled(lambda upstream: len(upstream.received) >= times)

    def changed(self) -> None:
        """Tells those who wait for something."""
        self._changed.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its beginning to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.changed()
        connection = Connection(self, reader, writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
                while not connection.finished:
                    await self._answer(connection)
        except asyncio.CancelledError:
            pass  # Cancelled by ``end``; the server would only log it.
        finally:
            writer.transport.abort()
            self._tasks.discard(task)
            self.open -= 1
            self.lost.append(asyncio.get_running_loop().time())
            self.changed()

    async def _answer(self, connection: Connection) -> None:
        received = await connection.request()
        script = self.scripts[min(len(self.received), len(self.scripts) - 1)]
        self.received.append(received)
        self.changed()
        for act in script:
            if isinstance(act, bytes):
                await connection.say(act)
            else:
                await act(connection)

    async def end(self) -> None:
        """Ends what is still going on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def scripted(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """A running Upstream at ``url``."""
    upstream = Upstream(scripts)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=tls, limit=64 * 1024 * 1024)
    port = server.sockets[0].getsockname()[1]
    upstream.address = f"127.0.0.1:{port}"
    upstream.url = f"{'https' if tls else 'http'}://{upstream.address}/v1"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.end()


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


async def close(connection: Connection) -> None:
    """Closes the connection in good order."""
    connection.finished = True
    connection.writer.close()
    with suppress(ConnectionError):
        await connection.writer.wait_closed()


async def reset(connection: Connection) -> None:
    """Resets the connection."""
    connection.finished = True
    raw = connection.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()


async def stall(connection: Connection) -> None:
    """Says nothing until the peer leaves."""
    connection.finished = True
    while await connection.reader.read(65536):
        pass


def pause(seconds: float) -> Deed:
    """Waits, unless the peer leaves before."""

    async def deed(connection: Connection) -> None:
        try:
            async with asyncio.timeout(seconds):
                await connection.reader.read(1)
        except TimeoutError:
            return
        raise ConnectionResetError

    return deed


def drip(data: bytes, seconds: float = 0.05) -> Deed:
    """Says ``data`` byte by byte."""

    async def deed(connection: Connection) -> None:
        for at in range(len(data)):
            await connection.say(data[at : at + 1])
            await asyncio.sleep(seconds)

    return deed


def forever(data: bytes, seconds: float = 0.0) -> Deed:
    """Says ``data`` again and again until the peer leaves."""

    async def deed(connection: Connection) -> None:
        while True:
            await connection.say(data)
            # Leaving is noticed by reading; a write alone may succeed once more.
            await asyncio.sleep(seconds)
            if connection.reader.at_eof():
                raise ConnectionResetError

    return deed


def answer(body: bytes, status: str = "200 OK", headers: bytes = b"") -> bytes:
    """A whole answer that says its length."""
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status.encode(), len(body), headers, body)


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def delta(content: str, finish: str | None = None) -> bytes:
    """One event of a chat, as OpenAI says it."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return b"data: %b\n\n" % msgspec.json.encode({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})
