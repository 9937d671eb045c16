"""Every route, every failure: one envelope in the carrier of the route, one line in the log, nothing of a secret."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inferd.rest import ROUTES
from tests.served import Answer, Served, served

SECRET = "sk-topsecret-0123456789"
WITH_BODY = [route for route in ROUTES if route.body == "required"]
WITHOUT_BODY = [route for route in ROUTES if route.body == "refused" and route.method != "HEAD"]
JSON_ROUTES = [route for route in ROUTES if route.method not in ("HEAD",)]


def url(path: str, task_type: str = "completion", inference_id: str = "c") -> str:
    """A route's path with its wildcards filled in."""
    return path.replace("{task_type}", task_type).replace("{id}", inference_id)


def names(routes: list[Any]) -> list[str]:
    return [f"{route.method} {route.path}" for route in routes]


def check_envelope(answer: Answer) -> dict[str, Any]:
    """The error in ``answer``, whose form must be one of the four there are."""
    assert 400 <= answer.status < 500 or answer.status in (502, 503, 504), answer.body
    assert answer.headers["X-elastic-product"] == "Elasticsearch"
    raw = answer.body
    if answer.headers["Content-Type"] == "text/event-stream":
        found = re.fullmatch(rb"event: error\ndata: ([^\n]*)\n\n", raw)
        assert found is not None, raw
        raw = found[1]
    document: dict[str, Any] = msgspec.json.decode(raw)
    error = document["error"]
    if isinstance(error, str):
        assert list(document) in (["error", "status"], ["error"])
    elif "message" in error:
        assert list(document) == ["error"]
        assert [name for name in error if name != "param"] == ["code", "message", "type"]
        return document
    else:
        assert list(document) == ["error", "status"]
        assert list(error)[:3] == ["root_cause", "type", "reason"]
        assert set(error) <= {"root_cause", "type", "reason", "timed_out", "caused_by"}
        assert [list(root)[:2] for root in error["root_cause"]] == [["type", "reason"]]
        assert re.fullmatch(r"[a-z_]+_exception", error["type"])
    assert document.get("status", answer.status) == answer.status
    return document


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Served]:
    """An inferd with an endpoint ``c`` for completions and one ``chat``, whose key is ``SECRET``."""
    async with served(tmp_path, inference_validate_on_put="off") as running:
        await running.put("c", "completion", api_key=SECRET)
        await running.put("chat", "chat_completion", api_key=SECRET)
        yield running


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


# ---- anything at all


NAMES = ["service", "service_settings", "task_settings", "chunking_settings", "task_type", "model_id", "api_key", "url",
         "dimensions", "similarity", "rate_limit", "requests_per_minute", "max_input_tokens", "organization_id", "user",
         "headers", "strategy", "max_chunk_size", "overlap", "client_id", "scopes", "token_url", "client_secret",
         "input", "input_type", "messages", "role", "content", "tools", "function", "type"]  # fmt: skip
WORDS = ["openai", "text_embedding", "completion", "cosine", "sentence", "word", "none", "", "m", "http://127.0.0.1:9/"]
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    SCALARS | st.sampled_from(WORDS) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), ANYTHING, max_size=5)
PUTS = st.fixed_dictionaries(
    {"service": st.just("openai") | ANYTHING},
    optional={
        "service_settings": st.fixed_dictionaries(
            {"model_id": st.just("m") | ANYTHING, "api_key": st.sampled_from([f"{SECRET}-{n}" for n in range(9)])},
            optional={name: ANYTHING for name in NAMES if name not in ("model_id", "api_key")},
        )
        | ANYTHING,
        "task_settings": OBJECTS | ANYTHING,
        "chunking_settings": OBJECTS | ANYTHING,
        "task_type": ANYTHING,
    },
)
TASKS = st.sampled_from(["text_embedding", "completion", "chat_completion", "embedding", "sparse_embedding", "any"])
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def _each(filled: Served, asks: list[tuple[str, str, Any]]) -> None:
    for method, path, body in asks:
        answer = await filled.ask(method, path, body)
        if answer.status != 200:
            check_envelope(answer)
        assert SECRET not in answer.text and SECRET not in repr(answer.headers)
        if method == "PUT" and answer.status == 200:
            shown = await filled.ask("GET", path.removesuffix("/_update"))
            assert shown.json == {"endpoints": [answer.json]}
            assert (await filled.ask("DELETE", path.removesuffix("/_update"))).status == 200
            await filled.put("c", "completion", api_key=SECRET) if path.endswith("_update") else None
    assert SECRET not in filled.log
    assert SECRET not in repr(filled.parts) + repr(filled.app.tools)
    assert not [line for line in filled.lines if line["message"] == "bug"]


@pytest.mark.parametrize("seed", range(3))
async def test_any_json_at_any_level_of_a_put_is_200_or_a_4xx(filled: Served, seed: int) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(TASKS, PUTS | OBJECTS | ANYTHING)
    def collect(task_type: str, body: object) -> None:
        asks.append(("PUT", f"/_inference/{task_type}/e{len(asks)}", body))

    collect()
    await _each(filled, asks)


async def test_any_json_in_an_update_is_200_or_a_4xx(filled: Served) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(PUTS.map(lambda body: {name: part for name, part in body.items() if name != "service"}) | OBJECTS | ANYTHING)
    def collect(body: object) -> None:
        asks.append(("PUT", "/_inference/completion/c/_update", body))

    collect()
    await _each(filled, asks)


async def test_any_json_in_a_request_is_200_or_a_4xx(filled: Served) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(OBJECTS | ANYTHING)
    def collect(body: object) -> None:
        asks.append(("POST", "/_inference/completion/c", body))
        asks.append(("POST", "/_inference/c/_stream", body))
        asks.append(("POST", "/_inference/chat/_unified", body))
        asks.append(("POST", "/_inference/embedding/c", body))

    collect()
    await _each(filled, asks)


async def test_any_bytes_are_200_or_a_4xx(filled: Served) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(st.binary(min_size=1, max_size=60) | st.text(min_size=1, max_size=40).map(str.encode))
    def collect(raw: bytes) -> None:
        asks.append(("POST", "/_inference/c", raw))
        asks.append(("PUT", "/_inference/completion/x", raw))

    collect()
    await _each(filled, asks)
