"""HTTP/1.1 requests, read from an asyncio stream strictly and within limits."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

READ_SIZE = 65_536

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) (HTTP/\d\.\d)")
# The spaces around a value are stripped afterwards: a pattern for them takes quadratic time on a line of spaces.
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")
# Nine hexadecimal digits are already above any body limit one would set.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,9})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_LENGTH = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one connection may cost; sizes in bytes, times in seconds."""

    head: int = 65_536
    # 2048 inputs of a few thousand words each, the most an embeddings request may hold, stay below this.
    body: int = 67_108_864
    idle: float = 120.0
    head_time: float = 10.0
    body_time: float = 60.0
    linger: float = 1.0


class Malformed(Exception):
    """Bytes that are no acceptable request: the connection gets an answer of this status and ends."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Request:
    """One whole request; header names are lower case, repeated headers are joined with a comma."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to use the connection again."""
        return "close" not in _tokens(self.headers.get("connection", ""))


class Incoming:
    """The receiving half of a connection, which can be watched for its end without losing what comes meanwhile."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._buffer = bytearray()

    async def more(self) -> bool:
        """Waits for bytes and keeps them; False once the client has closed or reset its side."""
        try:
            data = await self._reader.read(READ_SIZE)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)

    async def gone(self) -> None:
        """Returns when the client has left; what it sends meanwhile is kept for the next request.

        A client that sends more than ``READ_SIZE`` ahead is no longer read, and so not seen to leave.
        """
        while len(self._buffer) <= READ_SIZE:
            if not await self.more():
                return
        await asyncio.get_running_loop().create_future()

    async def begin(self) -> bool:
        """Waits for a request to begin; False at the end of the connection."""
        # RFC 9112 2.2: old clients send an empty line after a body.
        while bytes(self._buffer[:3]) in (b"", b"\r", b"\r\n"):
            if not await self.more():
                return False
        self._buffer = self._buffer.removeprefix(b"\r\n")
        return True

    async def until(self, end: bytes, limit: int, status: int = 400) -> bytes:
        """What comes before ``end``, which is taken as well; Malformed with ``status`` above ``limit`` bytes."""
        seen = 0
        while (found := self._buffer.find(end, seen)) < 0:
            seen = max(0, len(self._buffer) - len(end) + 1)
            if seen > limit:
                break
            await self._must_have_more()
        if not 0 <= found <= limit:
            raise Malformed("A line or header block is too long.", status)
        return self._take(found, len(end))

    async def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes; Malformed if the connection ends before."""
        while len(self._buffer) < size:
            await self._must_have_more()
        return self._take(size)

    def forget(self) -> None:
        """Drops what has come so far."""
        self._buffer.clear()

    def _take(self, size: int, extra: int = 0) -> bytes:
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[: size + extra]
        return taken

    async def _must_have_more(self) -> None:
        if not await self.more():
            raise Malformed("The request is incomplete.")


async def read_request(incoming: Incoming, writer: asyncio.StreamWriter, limits: Limits) -> Request | None:
    """The next request of a connection, None if there will be none; Malformed for anything unacceptable.

    ``writer`` is used for ``100 Continue`` only.
    """
    try:
        async with asyncio.timeout(limits.idle):
            if not await incoming.begin():
                return None
    except TimeoutError:
        return None
    try:
        async with asyncio.timeout(limits.head_time):
            head = await incoming.until(b"\r\n\r\n", limits.head, 431)
        method, path, headers = _parse_head(head)
        async with asyncio.timeout(limits.body_time):
            body = await _read_body(incoming, writer, headers, limits)
    except TimeoutError:
        raise Malformed("The request took too long to arrive.", 408) from None
    return Request(method=method, path=path, headers=headers, body=body)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    start = _REQUEST_LINE.fullmatch(first)
    if start is None:
        raise Malformed("The request line is malformed.")
    method, target, version = (part.decode("ascii") for part in start.groups())
    if version != "HTTP/1.1":
        raise Malformed("Only HTTP/1.1 is spoken here.", 505)
    headers: dict[str, str] = {}
    for line in lines:
        field = _HEADER.fullmatch(line)
        if field is None:
            raise Malformed("A header is malformed.")
        name, value = field[1].decode("ascii").lower(), field[2].decode("latin-1").strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "," in headers.get("host", ","):
        raise Malformed("Exactly one Host header is needed.")
    return method, _path(target), headers


def _path(target: str) -> str:
    if not target.startswith("/"):
        # The absolute form, which proxies send; anything else has no path and ends as an unknown route.
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.partition("?")[0]


def _tokens(value: str) -> list[str]:
    return [token.strip().lower() for token in value.split(",")]


async def _read_body(
    incoming: Incoming, writer: asyncio.StreamWriter, headers: Mapping[str, str], limits: Limits
) -> bytes:
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if length is None and coding is None:
        return b""
    # Both at once is how requests are smuggled past a proxy.
    if length is not None and coding is not None:
        raise Malformed("Content-Length and Transfer-Encoding exclude each other.")
    if coding is not None and _tokens(coding) != ["chunked"]:
        raise Malformed("The only transfer coding spoken here is chunked.", 501)
    if length is not None and _LENGTH.fullmatch(length.encode("latin-1")) is None:
        raise Malformed("Content-Length is malformed.")
    if length is not None and int(length) > limits.body:
        raise Malformed("The body is too large.", 413)
    if "100-continue" in _tokens(headers.get("expect", "")):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return await _read_chunks(incoming, limits) if length is None else await incoming.exactly(int(length))


async def _read_chunks(incoming: Incoming, limits: Limits) -> bytes:
    body = bytearray()
    while size := _chunk_size(await incoming.until(b"\r\n", 1024)):
        if len(body) + size > limits.body:
            raise Malformed("The body is too large.", 413)
        body += await incoming.exactly(size)
        if await incoming.exactly(2) != b"\r\n":
            raise Malformed("A chunk is longer than it says.")
    trailer = 0
    while line := await incoming.until(b"\r\n", 1024):
        trailer += len(line)
        if trailer > limits.head:
            raise Malformed("The trailer is too long.", 431)
    return bytes(body)


def _chunk_size(line: bytes) -> int:
    size = _CHUNK_SIZE.fullmatch(line)
    if size is None:
        raise Malformed("A chunk size is malformed.")
    return int(size[1], 16)
