"""The body of a request: received within its bounds and unpacked."""

import asyncio
import zlib
from typing import TYPE_CHECKING

from inferd.errors import BodyMissing, IllegalArgument, StatusFailure
from inferd.rest.http import HTTP_11, Http

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

# One step of unpacking, after which others have their turn: below a millisecond.
_STEP = 256 * 1024

# A body that unpacks beyond a megabyte to a hundred times its size is made to, not written: JSON packs some tenfold.
_HARMLESS = 1024 * 1024
_MAX_RATIO = 100

# A packed body is one member; some tools append a few. Thousands of empty ones are an attack on the unpacker.
_MAX_MEMBERS = 64

# Where what is left of a body cannot be told from the next request, there is no next one on the connection.
_LAST = {"Connection": "close"}


async def receive(request: Http, *, limit: int, timeout: float) -> bytes:
    """The whole body as the client meant it, at most ``limit`` bytes, within ``timeout`` seconds; empty if none.

    StatusFailure 415 for an encoding other than gzip, 413 for a body too large, 408 for one that does not arrive, 417
    for an ``Expect`` that cannot be met; IllegalArgument for gzip that is broken.
    """
    if request.content is None:
        raw = _bounded(request.body or b"", limit)
    else:
        raw = await _arriving(request, request.content, limit, timeout)
    encoding = request.head.headers.get("Content-Encoding") if raw else None
    return raw if encoding is None else await _understood(encoding, raw, limit)


def required(raw: bytes) -> bytes:
    """``raw``, unless it is empty: BodyMissing."""
    if not raw:
        raise missing()
    return raw


def missing() -> BodyMissing:
    """What a request is told that must have a body and has none."""
    return BodyMissing("request body is required")


async def _understood(encoding: str, raw: bytes, limit: int) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return await _unpacked(raw, limit)
    if encoding not in ("identity", ""):
        raise _not_supported("Content-Encoding", "gzip")
    return raw


def _invite(request: Http) -> None:
    """Tells a client that waits for it to go on and send its body (RFC 9110, 10.1.1); curl does from a megabyte on."""
    if request.head.headers["Expect"].strip().lower() != "100-continue":
        raise StatusFailure("Expect header names an expectation that cannot be met: only 100-continue can", 417)
    if request.head.version >= HTTP_11 and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _arriving(request: Http, content: "StreamReader", limit: int, timeout: float) -> bytes:
    if content.at_eof():
        return b""
    if request.head.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        # aiohttp takes no notice of what else there is: what it gives would be packed.
        raise _not_supported("Transfer-Encoding", "chunked")
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if "Expect" in request.head.headers:
        _invite(request)
    # There already: the body comes by aiohttp.
    from aiohttp.http_exceptions import HttpProcessingError

    try:
        async with asyncio.timeout(timeout):
            return await _received(content, limit)
    except TimeoutError:
        late = f"the request body did not arrive within [{timeout:g}s]"
        raise StatusFailure(late, 408, headers=_LAST) from None
    except HttpProcessingError:
        raise StatusFailure("the request body is malformed", 400, headers=_LAST) from None


async def _received(content: "StreamReader", limit: int) -> bytes:
    parts, size = [], 0
    while part := await content.readany():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


def _bounded(raw: bytes, limit: int) -> bytes:
    if len(raw) > limit:
        raise _too_large(limit)
    return raw


async def _unpacked(packed: bytes, limit: int) -> bytes:
    unpacked = bytearray()
    rest = packed
    for _ in range(_MAX_MEMBERS):
        rest = await _member(rest, unpacked, min(limit, max(_HARMLESS, len(packed) * _MAX_RATIO)))
        if not rest:
            return bytes(unpacked)
    raise IllegalArgument("the request body consists of too many gzip members")


async def _member(packed: bytes, unpacked: bytearray, limit: int) -> bytes:
    """Unpacks one gzip member onto ``unpacked``; what follows it."""
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    while not unpacker.eof:
        try:
            piece = unpacker.decompress(packed, _STEP)
        except zlib.error:
            raise IllegalArgument("the request body is not valid gzip") from None
        packed = unpacker.unconsumed_tail
        unpacked += piece
        if len(unpacked) > limit:
            raise _too_large(limit)
        if not piece and not unpacker.eof:
            raise IllegalArgument("the request body is gzip that was cut off")
        await asyncio.sleep(0)
    return unpacker.unused_data


def _not_supported(header: str, supported: str) -> StatusFailure:
    return StatusFailure(f"{header} header names an encoding that is not supported: only {supported} is", 415)


def _too_large(limit: int) -> StatusFailure:
    return StatusFailure(f"the request body is larger than [{limit}] bytes", 413, headers=_LAST)
