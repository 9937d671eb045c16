"""Answers that are whole."""

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from unittest.mock import AsyncMock, Mock

import msgspec
import pytest

from inferd.errors import EndpointNotFound, RequestTimedOut
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.http import HTTP_10
from inferd.rest.media_type import VENDOR_JSON
from inferd.rest.request import Request
from inferd.rest.routing import Route
from tests.served import Served
from tests.unit.rest.serving import Serving, request, serving, unsent

Change = Callable[[Answer], Awaitable[None]]
Answering = Callable[[Callable[[], Answer]], AbstractAsyncContextManager[Serving]]


async def _filtered(response: Answer) -> None:
    await answer.filter(response, "a")


async def test_json_and_text() -> None:
    told = answer.json({"a": msgspec.Raw(b"1.50")}, status=201, headers={"X-A": "b"})
    assert (told.status, told.body, told.headers["X-A"]) == (201, b'{"a":1.50}', "b")
    assert (told.headers["Content-Type"], told.headers["X-elastic-product"]) == ("application/json", "Elasticsearch")
    words = answer.text("ok", status=503)
    assert (words.status, words.body, words.headers["Content-Type"]) == (503, b"ok", "text/plain; charset=UTF-8")
    assert told.headers["Server"] == words.headers["Server"] == "inferd"


async def test_a_failure_has_its_status_and_headers() -> None:
    missing = answer.failure(EndpointNotFound.of("x"))
    assert (missing.status, missing.headers["X-elastic-product"]) == (404, "Elasticsearch")
    late = answer.failure(RequestTimedOut("late"))
    assert (late.status, late.headers["X-Timed-Out"]) == (429, "?1")


async def test_only_json_speaks_another_media_type() -> None:
    for response, spoken in (
        (answer.json({}), f"{VENDOR_JSON};compatible-with=9"),
        (answer.text(""), "text/plain; charset=UTF-8"),
        (Answer(headers={"Content-Type": "text/event-stream"}), "text/event-stream"),
    ):
        answer.speak(response, f"{VENDOR_JSON};compatible-with=9")
        assert response.headers["Content-Type"] == spoken


@pytest.mark.parametrize(
    ("change", "small", "begins"),
    [(_filtered, b'{"a":1}', b'{"a":1}'), (answer.indent, b'{\n  "a" : 1,\n', b'{\n  "a" : 1,\n  "b" : [\n    0,\n')],
)
@pytest.mark.parametrize("numbers", [2, 100_000])
async def test_only_json_is_rewritten_whatever_its_size(
    change: Change, small: bytes, begins: bytes, numbers: int
) -> None:
    response = answer.json({"a": 1, "b": list(range(numbers))})
    await change(response)
    assert isinstance(response.body, bytes) and response.body.startswith(begins if change is answer.indent else small)
    text = answer.text('{"a":1,"b":2}')
    await change(text)
    assert text.body == b'{"a":1,"b":2}'
    stream = Answer(headers={"Content-Type": "text/event-stream"})
    await change(stream)


@pytest.fixture
def answering(inferd: Served) -> Answering:
    """Serves one answer, whatever is asked."""

    def answering(make: Callable[[], Answer]) -> AbstractAsyncContextManager[Serving]:
        async def handle(_: Request) -> Answer:
            return make()

        return serving(inferd.parts, [Route(method, "/x", handle) for method in ("GET", "HEAD")])

    return answering


async def test_a_head_says_all_that_a_client_must_know(answering: Answering) -> None:
    async with answering(lambda: answer.json({"a": 1}, headers={"Retry-After": "3"})) as here:
        told = await here.say(request("GET", "/x", "Connection: close", "X-Opaque-Id: mine"))
    assert re.sub(rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", b"Date: now", told) == (
        b"HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\nServer: inferd\r\n"
        b"Content-Type: application/json\r\nRetry-After: 3\r\nX-Opaque-Id: mine\r\nConnection: close\r\n"
        b'Content-Length: 7\r\nDate: now\r\n\r\n{"a":1}'
    )


@pytest.mark.parametrize(
    ("asked", "made", "begins", "holds", "ends"),
    [
        ("HEAD /x HTTP/1.1", answer.text("1234"), "HTTP/1.1 200 OK", "Content-Length: 4", "\r\n\r\n"),
        ("HEAD /x HTTP/1.1", answer.text(""), "HTTP/1.1 200 OK", None, "\r\n\r\n"),
        ("GET /x HTTP/1.1", answer.text(""), "HTTP/1.1 200 OK", "Content-Length: 0", "\r\n\r\n"),
        ("GET /x HTTP/1.1", Answer(b"no", status=204), "HTTP/1.1 204 No Content", None, "\r\n\r\n"),
        ("GET /x HTTP/1.1", Answer(b"no", status=304), "HTTP/1.1 304 Not Modified", None, "\r\n\r\n"),
        ("GET /x HTTP/1.1", Answer(b"a", status=299), "HTTP/1.1 299 \r\n", "Content-Length: 1", "\r\n\r\na"),
        ("GET /x HTTP/1.0", answer.text("12"), "HTTP/1.0 200 OK", "Content-Length: 2", "\r\n\r\n12"),
        ("GET /x HTTP/1.1", answer.text("x" * 100_000), "HTTP/1.1 200 OK", "Content-Length: 100000", "x" * 1000),
    ],
)
async def test_the_length_is_told_and_the_body_sent_where_that_is_right(
    answering: Answering, asked: str, made: Answer, begins: str, holds: str | None, ends: str
) -> None:
    async with answering(lambda: made) as here:
        told = (await here.say(f"{asked}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())).decode()
    assert told.startswith(begins) and told.endswith(ends)
    assert holds in told if holds is not None else "Content-Length" not in told


async def test_a_client_of_http_1_0_is_told_that_its_connection_is_kept(answering: Answering) -> None:
    async with answering(lambda: answer.text("fine")) as here:
        reader, writer = await here.connect()
        for _ in range(2):
            writer.write(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"\r\nConnection: keep-alive\r\n" in await reader.readuntil(b"fine")
        writer.close()


async def test_an_answer_that_says_so_closes_the_connection(answering: Answering) -> None:
    async with answering(lambda: Answer(b"a", headers={"Connection": "close"})) as here:
        assert (await here.say(request("GET", "/x") * 2)).count(b"Connection: close") == 1


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\rb", "a\0b"])
def test_a_header_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="end of a line"):
        Answer(headers={"A": value}).head(unsent("GET", "/x"), 0)


def test_what_is_no_text_is_left_out_of_a_header() -> None:
    assert b"\r\nA: b\r\n" in Answer(headers={"A": "\udcffb"}).head(unsent("GET", "/x"), 0)


def test_a_printed_answer_tells_nothing_of_what_is_sent() -> None:
    assert repr(Answer(b"secret", headers={"A": "secret"})) == "<Answer 200>"


async def test_an_answer_is_sent_once(answering: Answering) -> None:
    told = Answer(b"a")
    told.head(unsent("GET", "/x"), 1)
    # Nothing is there to write to.
    await told.prepare(unsent("GET", "/x"))
    await told.write_eof()


def test_a_body_of_unknown_length_is_sent_in_chunks_or_ends_with_the_connection() -> None:
    chunked, old = Answer(), Answer()
    assert b"\r\nTransfer-Encoding: chunked\r\n" in chunked.head(unsent("GET", "/x"), None)
    http = unsent("GET", "/x")
    http.head.version = HTTP_10
    assert b"Transfer-Encoding" not in old.head(http, None)
    assert (chunked.keep_alive, old.keep_alive) == (True, False)
    closing = Answer()
    closing.force_close()
    assert b"\r\nConnection: close\r\n" in closing.head(unsent("GET", "/x"), 0)


async def test_a_slow_client_is_waited_for() -> None:
    http = unsent("GET", "/x")
    transport = Mock(**{"is_closing.return_value": False, "get_write_buffer_size.return_value": 1})
    connection = Mock(paused=True, transport=transport)
    connection.drained = AsyncMock()
    http.connection = connection
    await Answer(b"a").prepare(http)
    connection.drained.assert_awaited_once_with()
