"""Every route, every failure: one envelope in the carrier of the route, one line in the log, nothing of a secret."""

import asyncio
import gzip
import re
from typing import Any

import msgspec
import pytest

from inferd.rest import ROUTES
from tests.contract.conftest import SECRET
from tests.contract.envelopes import check_envelope
from tests.served import Served

WITH_BODY = [route for route in ROUTES if route.body == "required"]
WITHOUT_BODY = [route for route in ROUTES if route.body == "refused" and route.method != "HEAD"]
JSON_ROUTES = [route for route in ROUTES if route.method not in ("HEAD",)]


def url(path: str, task_type: str = "completion", inference_id: str = "c") -> str:
    """A route's path with its wildcards filled in."""
    return path.replace("{task_type}", task_type).replace("{id}", inference_id)


def names(routes: list[Any]) -> list[str]:
    return [f"{route.method} {route.path}" for route in routes]


@pytest.mark.parametrize("route", JSON_ROUTES, ids=names(JSON_ROUTES))
async def test_an_unknown_parameter(filled: Served, route: Any) -> None:
    body: object = {} if route.body == "required" else None
    before = len(filled.lines)
    answer = await filled.ask(route.method, url(route.path) + "?no_such_thing=1", body)
    assert answer.status == 400
    error = check_envelope(answer)["error"]
    assert error["type"] == "illegal_argument_exception"
    assert "contains unrecognized parameter: [no_such_thing]" in error["reason"]
    assert len(filled.lines) == before + 1


@pytest.mark.parametrize("route", WITHOUT_BODY, ids=names(WITHOUT_BODY))
async def test_a_body_nobody_reads(filled: Served, route: Any) -> None:
    answer = await filled.ask(route.method, url(route.path), {"a": 1})
    assert answer.status == 400
    reason = f"request [{route.method} {url(route.path)}] does not support having a body"
    assert check_envelope(answer)["error"]["reason"] == reason


@pytest.mark.parametrize("route", WITH_BODY, ids=names(WITH_BODY))
async def test_no_body(filled: Served, route: Any) -> None:
    for body in (None, b""):
        answer = await filled.ask(route.method, url(route.path), body)
        assert answer.status == 400
        error = check_envelope(answer)["error"]
        assert (error["type"], error["reason"]) == ("parse_exception", "request body is required")


BAD_BODIES: list[tuple[bytes, dict[str, str]]] = [
    (b"not JSON", {}),
    (b"{", {}),
    (b"[" * 200_000, {}),
    (b'{"a":' * 200_000, {}),
    (b"[" * 100_000 + b"]" * 100_000, {}),
    (b'{"input":"\xff\xfe"}', {}),
    (b"\xef\xbb\xbf{}", {}),
    (b'{"a":"\\ud800"}', {}),
    (b'{"a":1,"a":2}', {}),
    (b'{"a":1e999}', {}),
    (b"[]", {}),
    (b'"x"', {}),
    (b"null", {}),
    (b"1", {}),
    (b'{"no_such_field":1}', {}),
    (b" " * (10 * 1024 * 1024), {}),
    (b"not gzip", {"Content-Encoding": "gzip"}),
    (gzip.compress(b"a" * 20_000_000), {"Content-Encoding": "gzip"}),
    (b"{}", {"Content-Encoding": "br"}),
    (b"{}", {"Content-Type": "text/plain"}),
    (b"{}", {"Content-Type": "nonsense"}),
    (b"{}", {"Content-Type": "application/vnd.elasticsearch+json;compatible-with=9"}),
    (b"{}", {"Expect": "the impossible"}),
]


@pytest.mark.parametrize("route", WITH_BODY, ids=names(WITH_BODY))
async def test_bodies_that_are_none(filled: Served, route: Any) -> None:
    # A body of another task or with wrong settings is some other test's; here nothing can be meant.
    task_type, inference_id = ("chat_completion", "chat") if "_unified" in route.path else ("completion", "c")
    for raw, headers in BAD_BODIES:
        before = len(filled.lines)
        answer = await filled.ask(route.method, url(route.path, task_type, inference_id), raw, headers)
        assert check_envelope(answer), raw[:40]
        assert 400 <= answer.status < 500, (raw[:40], headers, answer.body)
        told = filled.lines[before:]
        assert [line["message"] for line in told] == ["request"], raw[:40]
        assert told[0]["status"] == answer.status


@pytest.mark.parametrize("route", JSON_ROUTES, ids=names(JSON_ROUTES))
async def test_a_path_that_is_no_text(filled: Served, route: Any) -> None:
    for inference_id in ("%FF%FE", "%00", "a%2Fb", "%E2%82%AC", "%zz", "%", "a" * 4000):
        body: object = {} if route.body == "required" else None
        path = url(route.path, inference_id=inference_id)
        answer = await filled.ask(route.method, path, body)
        if "{id}" in route.path:
            assert answer.status in (400, 404)
            check_envelope(answer)


async def test_a_malformed_message_is_answered_once_and_nothing_of_it_repeated(filled: Served) -> None:
    for raw in (
        f"GET / HTTP/1.1\r\nAuthorization: {SECRET}\r\nbad header\r\n\r\n",
        f"NONSENSE {SECRET}\r\n\r\n",
        f"GET /{SECRET}\r\n\r\n",
        f"BREW /{SECRET} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/9.9\r\nX: {SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nX: {SECRET}{'a' * 20_000}\r\n\r\n",
        f"GET /{SECRET * 1000} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"POST / HTTP/1.1\r\nContent-Length: {SECRET}\r\n\r\n",
        f"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{SECRET}",
        f"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n{SECRET}",
        f"\x16\x03\x01\x02\x00{SECRET}\r\n\r\n",
    ):
        before = len(filled.lines)
        answer = await talk(filled, raw.encode("latin-1"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/\d\.\d 400 ", head), (raw[:60], answer)
        assert b"Content-Type: application/json" in head
        reason = "the request is not valid HTTP"
        assert msgspec.json.decode(body)["error"]["reason"] == reason
        assert SECRET.encode() not in answer
        told = filled.lines[before:]
        assert [line["message"] for line in told] == ["malformed request"], raw[:60]
        assert SECRET not in filled.log


async def test_a_body_that_breaks_in_the_middle(filled: Served) -> None:
    head = b"POST /_inference/c HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    answer = await talk(filled, head + b"5\r\n{\"inp\r\nnonsense\r\n")
    assert answer.count(b"HTTP/1.") == 1
    assert re.match(rb"HTTP/1\.[01] 400 ", answer), answer
    assert [line["message"] for line in filled.lines[2:]] == ["malformed request"]


async def test_bytes_that_are_no_utf_8_in_a_path_or_header(filled: Served) -> None:
    for raw in (
        b"GET /_inference/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /nowhere/\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /_inference?\xff=\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /_inference/x HTTP/1.1\r\nHost: x\r\nX-Opaque-Id: \xff\r\nAccept: \xff/\xff\r\nConnection: close\r\n\r\n",
        b"POST /_inference/c HTTP/1.1\r\nHost: x\r\nContent-Type: a/\xff\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\n{}",
    ):
        answer = await talk(filled, raw)
        assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer
        msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])


async def talk(inferd: Served, raw: bytes) -> bytes:
    """All that is answered to ``raw`` until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", inferd.port)
    try:
        writer.write(raw)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
