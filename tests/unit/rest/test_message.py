"""Which messages are read in a few steps: those that aiohttp's parser reads in the same way, and in no other."""

import asyncio
from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inferd.rest.http import Http
from inferd.rest.message import MAX_DIGITS, MAX_HEAD, MAX_HEADERS, MAX_KNOWN, MAX_LINE, read
from tests.unit.rest.serving import NoConnection, request

LENGTH = "Content-Length: 2"

COMMON = {
    "without a body": request("GET", "/"),
    "with one": request("POST", "/_inference/e", LENGTH) + b"{}",
    "with a query": request("PUT", "/a%20b/c.d~e?x=1&y=%3D", LENGTH) + b"{}",
    "kept": request("DELETE", "/x", "Connection: Keep-Alive"),
    "of a length that is none": request("HEAD", "/x", "Content-Length: 0"),
    "of many headers": request("GET", "/x", *(f"A-{at}: b" for at in range(MAX_HEADERS - 1))),
    "of values with spaces": request("GET", "/x", "Accept: a/b; c = d", "User-Agent: a (b; c) d"),
}

UNCOMMON = {
    "less than a head": b"GET / HTTP/1.1\r\nHost: x",
    "a line end less than a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "nothing": b"",
    "no headers": b"GET / HTTP/1.1\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nA: b\r\n\r\n",
    "an old version": b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
    "another method": request("OPTIONS", "/"),
    "a method in small letters": request("get", "/"),
    "no path": request("GET", "*"),
    "a path with a host": request("GET", "//x/y"),
    "a whole URL": request("GET", "http://x/y"),
    "a path with a quotation mark": request("GET", '/"'),
    "a path with a fragment": request("GET", "/x#y"),
    "a path that is not ASCII": request("GET", "/é"),
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "chunks": request("POST", "/", "Transfer-Encoding: chunked"),
    "chunks in capitals": request("POST", "/", "TRANSFER-ENCODING: chunked", LENGTH) + b"{}",
    "an expectation": request("POST", "/", "Expect: 100-continue", LENGTH) + b"{}",
    "an upgrade": request("GET", "/", "Upgrade: h2c"),
    "an end": request("GET", "/", "Connection: close"),
    "an end and no end": request("GET", "/", "Connection: keep-alive, close"),
    "an end for a proxy": request("GET", "/", "Proxy-Connection: close"),
    "an old key": request("GET", "/", "Sec-WebSocket-Key1: x"),
    "two lengths": request("POST", "/", LENGTH, LENGTH) + b"{}",
    "two names": request("GET", "/", "a: b", "A: c"),
    "a length with a sign": request("POST", "/", "Content-Length: +2") + b"{}",
    "a length of many digits": request("POST", "/", f"Content-Length: {'1' * 5000}") + b"{}",
    "a length in hexadecimal": request("POST", "/", "Content-Length: 0x2") + b"{}",
    "an empty value": request("GET", "/", "A: "),
    "no space before a value": request("GET", "/", "A:b"),
    "two spaces before a value": request("GET", "/", "A:  b"),
    "a space behind a value": request("GET", "/", "A: b "),
    "a tab": request("GET", "/", "A: b\tc"),
    "a value that is not ASCII": request("GET", "/", "A: é"),
    "a space before the colon": request("GET", "/", "A : b"),
    "a fold": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "a null": b"GET / HTTP/1.1\r\nHost: x\0\r\n\r\n",
    "too many headers": request("GET", "/x", *(f"A-{at}: b" for at in range(MAX_HEADERS))),
    "too long a head": request("GET", "/x", f"A: {'b' * MAX_HEAD}"),
}


def named(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """``headers`` in order, without a length; in which letters their names are written makes no difference."""
    return [(name.lower(), value) for name, value in headers.items() if name.lower() != "content-length"]


def message(http: Http, missing: int) -> list[Any]:
    """The one message that ``http`` is, as ``parsed`` tells it."""
    head = http.head
    kept = head.keep_alive and head.version == HttpVersion11
    return [(head.method, head.raw_path, named(head.headers), not kept, head.query_string, http.body, missing == 0)]


def parsed(data: bytes) -> list[Any]:
    """What aiohttp's parser makes of ``data``: of each message its parts, and how many bytes of its body came."""

    async def parse() -> list[Any]:
        loop = asyncio.get_running_loop()
        parser = HttpRequestParser(
            Mock(), loop, 2**16, max_line_size=MAX_LINE, max_field_size=MAX_LINE, auto_decompress=False
        )
        messages, upgraded, _ = parser.feed_data(data)
        assert not upgraded
        return [
            (message.method, message.path, named(message.headers), message.should_close, message.url.query_string,
             content.read_nowait() if not content.at_eof() and content.total_bytes else b"", content.is_eof())
            for message, content in messages
        ]  # fmt: skip

    return asyncio.run(parse())


@pytest.mark.parametrize("name", sorted(COMMON))
def test_a_common_message_is_read_as_aiohttp_reads_it(name: str) -> None:
    data = COMMON[name]
    found = read(data, NoConnection())
    assert found is not None
    http, missing = found
    assert missing == 0 and http.body is not None and (http.content, http.remote) == (None, "127.0.0.1")
    assert http.head.headers.get("Content-Length") is None
    assert parsed(data) == message(http, 0)


@pytest.mark.parametrize("name", sorted(UNCOMMON))
def test_what_is_not_common_is_not_read(name: str) -> None:
    assert read(UNCOMMON[name], NoConnection()) is None


def test_what_is_missing_of_a_body_is_told_and_what_is_too_much() -> None:
    head = request("POST", "/", "Content-Length: 5")
    told = [found and found[1] for found in (read(head + b"1234567"[:size], NoConnection()) for size in (0, 3, 5, 7))]
    assert told == [5, 2, 0, -2]
    twice = read(request("GET", "/") * 2, NoConnection())
    assert twice is not None and twice[1] == -len(request("GET", "/"))


def test_requests_that_differ_in_their_bodies_alone_share_a_head() -> None:
    connection = NoConnection()
    for accept, lengths in (("a", ("2", "0", "10", "7", "007")), ("b", ("2", "3"))):
        said = [request("POST", "/x", f"content-length: {length}", f"Accept: {accept}") for length in lengths]
        found = [read(head + b"{}", connection) or pytest.fail() for head in said]
        assert [missing for _, missing in found] == [int(length) - 2 for length in lengths]
        assert {id(http.head) for http, _ in found} == {id(found[0][0].head)}
        assert found[0][0].head.headers["Accept"] == accept


@pytest.mark.parametrize(("more", "kept"), [(0, True), (1, False)])
def test_a_long_head_is_not_kept(more: int, kept: bool) -> None:
    head = request("POST", "/", LENGTH, "A: ")
    said = head[:-4] + b"b" * (MAX_KNOWN + 4 - len(head) + more) + head[-4:] + b"{}"
    connection = NoConnection()
    for _ in range(2):
        assert (read(said, connection) or pytest.fail())[1] == 0
    assert (connection.known is not None) is kept


LINES = st.sampled_from(
    ["Host: x", "host: y", "A: b", "Accept: */*", "Content-Length: 2", "content-length: 0", "Content-Length: 02",
     "Connection: keep-alive", "Connection: close", "Transfer-Encoding: chunked", "Expect: 100-continue", "Upgrade: a",
     "Content-Type: a/b", "Content-Type: c/d", " folded", "A:", "A : b", "X_y: z", "X: \x7f", "X: é", "X:y", "X: y "]
)  # fmt: skip
PATHS = st.text("/aé?=&%#\"<>{}|\\^`[] .~*:;@!$'(),+-_0", max_size=6).map("/".__add__)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "get", "PATCH"]),
    PATHS,
    st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2"]),
    st.lists(LINES, max_size=5),
    st.sampled_from([b"", b"{}", b"{}GET / HTTP/1.1\r\n"]),
    st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=2)), max_size=2),
)
def test_whatever_is_read_aiohttp_reads_in_the_same_way(
    method: str, path: str, version: str, lines: list[str], body: bytes, changes: list[tuple[int, bytes]]
) -> None:
    data = "\r\n".join([f"{method} {path} {version}", *lines, "", ""]).encode() + body
    for at, put in changes:
        data = data[:at] + put + data[at + len(put) :]
    found = read(data, NoConnection())
    if found is None or found[1] < 0:
        return
    assert parsed(data) == message(*found)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_what_follows_a_good_beginning_is_read_as_by_aiohttp_or_not_at_all(end: bytes) -> None:
    data = request("GET", "/", "A: b")[:-2] + end
    found = read(data, NoConnection())
    if found is not None and found[1] >= 0:
        assert len(parsed(data)) == 1


AGAIN = request("POST", "/x", "Accept: a/b", LENGTH, "Content-Type: c/d")
AT_LENGTH = AGAIN.index(LENGTH.encode())


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from([AGAIN, request("PUT", "/", LENGTH), request("POST", "/", "content-length: 0"), COMMON["kept"]]),
    st.lists(
        st.tuples(
            st.integers(0, len(AGAIN)) | st.integers(AT_LENGTH, AT_LENGTH + len(LENGTH) + 2),
            st.integers(0, 3),
            st.binary(max_size=2) | st.sampled_from([b"1", b"23", b"\r\n", b"\r\n\r\n", b" ", b":", b"4" * 20]),
        ),
        max_size=3,
    ),
    st.sampled_from([b"", b"{}", b"{}{}"]),
)
@example(AGAIN, [(AT_LENGTH + len(LENGTH) - 1, 1, b"a")], b"")
@example(AGAIN, [(AT_LENGTH + len(LENGTH) - 1, 1, b"4" * (MAX_DIGITS + 1))], b"")
def test_what_was_read_before_makes_no_difference(
    first: bytes, changes: list[tuple[int, int, bytes]], body: bytes
) -> None:
    said = first
    for at, less, put in changes:
        said = said[:at] + put + said[at + less :]
    connection = NoConnection()
    read(first + b"{}", connection)
    again, alone = read(said + body, connection), read(said + body, NoConnection())
    assert (again and (message(*again), again[1])) == (alone and (message(*alone), alone[1]))
