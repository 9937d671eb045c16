"""The body of a request."""

import asyncio
import gzip
import zlib

import pytest
from aiohttp.http_exceptions import TransferEncodingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inferd.errors import BodyMissing, Failure
from inferd.rest import answer, body
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.routing import Route
from tests.served import Served
from tests.unit.rest.serving import request, serving

LIMIT = 8 * 1024 * 1024


async def _echo(asked: Request) -> Answer:
    raw = await body.receive(asked.http, limit=LIMIT, timeout=5)
    return answer.text(raw[:100].decode("latin-1") + f" {len(raw)}")


async def _impatient(asked: Request) -> Answer:
    return answer.text(str(await body.receive(asked.http, limit=10, timeout=0.05)))


async def _broken(asked: Request) -> Answer:
    assert asked.http.content is not None
    asked.http.content.set_exception(TransferEncodingError("as aiohttp says it"))
    return await _echo(asked)


ROUTES = [Route("POST", f"/{name}", handle, body="any") for name, handle in
          (("x", _echo), ("late", _impatient), ("broken", _broken))]  # fmt: skip
JSON = "Content-Type: application/json"


def head(*headers: str, path: str = "/x") -> bytes:
    return request("POST", path, JSON, "Connection: close", *headers)


@pytest.mark.parametrize(
    ("raw", "headers", "told"),
    [
        (b"", (), b" 0"),
        (b"{}", (), b"{} 2"),
        (b"{}", ("Content-Encoding: identity",), b"{} 2"),
        (b"{}", ("Content-Encoding: ",), b"{} 2"),
        (gzip.compress(b"{}"), ("Content-Encoding: gzip",), b"{} 2"),
        (gzip.compress(b"{}"), ("Content-Encoding: X-GZIP",), b"{} 2"),
        (gzip.compress(b"a") + gzip.compress(b"b"), ("Content-Encoding: gzip",), b"ab 2"),
        (gzip.compress(b""), ("Content-Encoding: gzip",), b" 0"),
        (gzip.compress(b"x" * 1_000_000), ("Content-Encoding: gzip",), b"x" * 100 + b" 1000000"),
    ],
)
async def test_bodies_that_are_understood(inferd: Served, raw: bytes, headers: tuple[str, ...], told: bytes) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        answered = await here.say(head(*headers, f"Content-Length: {len(raw)}") + raw)
        assert answered.endswith(b"\r\n\r\n" + told)
        # On a connection that is kept it is at hand at once.
        reader, writer = await here.connect()
        writer.write(request("POST", "/x", JSON, *headers, f"Content-Length: {len(raw)}") + raw)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(len(told)) == told
        writer.close()
        pieces = [raw[at : at + 700] for at in range(0, len(raw), 700)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        chunked = await here.say(head(*headers, "Transfer-Encoding: chunked") + chunks)
        assert chunked.endswith(b"\r\n\r\n" + told)


BOMB = gzip.compress(b"a" * 30_000_000)


@pytest.mark.parametrize(
    ("raw", "encoding", "status", "words"),
    [
        (b"{}", "br", 415, b"names an encoding that is not supported: only gzip is"),
        (b"{}", "gzip", 400, b"the request body is not valid gzip"),
        (gzip.compress(b"{}")[:-2], "gzip", 400, b"the request body is gzip that was cut off"),
        (gzip.compress(b"{}") + b"\0", "gzip", 400, b"the request body is gzip that was cut off"),
        (gzip.compress(b"{}") + b"rest", "gzip", 400, b"the request body is not valid gzip"),
        (zlib.compress(b"{}"), "gzip", 400, b"the request body is not valid gzip"),
        (gzip.compress(b"") * 65, "gzip", 400, b"too many gzip members"),
        (BOMB, "gzip", 413, b"the request body is larger than [%d] bytes" % (len(BOMB) * 100)),
        (gzip.compress(b"a" * 100_000 + bytes(range(256)) * 40_000), "gzip", 413, b"the request body is larger than"),
        (b"x" * (LIMIT + 1), "identity", 413, b"the request body is larger than [8388608] bytes"),
    ],
)
async def test_bodies_that_are_not(inferd: Served, raw: bytes, encoding: str, status: int, words: bytes) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        told = await here.say(head(f"Content-Encoding: {encoding}", f"Content-Length: {len(raw)}") + raw)
    assert told.startswith(b"HTTP/1.1 %d " % status) and words in told


async def test_a_body_that_is_packed_on_its_way_is_refused(inferd: Served) -> None:
    packed = gzip.compress(b"{}")
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
    async with serving(inferd.parts, ROUTES) as here:
        told = await here.say(head("Transfer-Encoding: gzip, chunked") + chunks)
    assert told.startswith(b"HTTP/1.1 415 ") and b"Transfer-Encoding header names an encoding" in told


async def test_a_large_body_is_refused_before_it_comes_or_while_it_does(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        announced = await here.say(head(f"Content-Length: {LIMIT + 1}"))
        assert announced.startswith(b"HTTP/1.1 413 ") and b"Connection: close" in announced
        pieces = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        told = await here.say(head("Transfer-Encoding: chunked") + pieces * 129 + b"0\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 413 ")
        whole = await here.say(head("Transfer-Encoding: chunked", path="/late") + b"b\r\n01234567890\r\n0\r\n\r\n")
        assert b"the request body is larger than [10] bytes" in whole
        at_hand = await here.say(request("POST", "/late", JSON, "Content-Length: 11") + b"01234567890")
        assert at_hand.startswith(b"HTTP/1.1 413 ") and b"the request body is larger than [10] bytes" in at_hand


async def test_a_body_that_does_not_come_or_breaks(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        late = await here.say(head("Content-Length: 5", path="/late") + b"12")
        assert late.startswith(b"HTTP/1.1 408 ") and b"did not arrive within [0.05s]" in late
        broken = await here.say(head("Content-Length: 5", path="/broken") + b"12")
        assert broken.startswith(b"HTTP/1.1 400 ") and b"the request body is malformed" in broken
        assert b"\r\nConnection: close\r\n" in late and b"\r\nConnection: close\r\n" in broken


async def test_a_client_that_waits_is_told_to_go_on(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        reader, writer = await here.connect()
        writer.write(head("Content-Length: 2", "Expect: 100-Continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert (await reader.read()).endswith(b"\r\n\r\n{} 2")
        writer.close()
        refused = await here.say(head(f"Content-Length: {LIMIT + 1}", "Expect: 100-continue"))
        assert refused.startswith(b"HTTP/1.1 413 ")
        odd = await here.say(head("Content-Length: 2", "Expect: more"))
        assert odd.startswith(b"HTTP/1.1 417 ")
        old = head("Content-Length: 2", "Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0") + b"{}"
        assert (await here.say(old)).startswith(b"HTTP/1.0 200 ")


def test_a_body_that_must_be_there() -> None:
    assert body.required(b"x") == b"x"
    with pytest.raises(BodyMissing, match="request body is required"):
        body.required(b"")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.binary(max_size=20), st.integers(0, 320))
def test_any_packed_bytes_are_unpacked_or_refused(raw: bytes, noise: bytes, at: int) -> None:
    packed = gzip.compress(raw)
    spoilt = packed[:at] + noise + packed[at:]

    async def unpacked() -> bytes:
        return await body._unpacked(spoilt, LIMIT)

    try:
        assert asyncio.run(unpacked()) == raw or noise
    except Failure as failure:
        assert failure.status in (400, 413)
