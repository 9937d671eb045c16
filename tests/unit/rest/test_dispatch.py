"""From a request to its answer: whatever a handler does, there is one answer and one line in the log."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from unittest.mock import Mock

import msgspec
import pytest

from inferd import client_keys
from inferd.config import Log as LogConfig
from inferd.errors import StatusFailure, envelope
from inferd.log import Log, RequestLine
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.dispatch import Dispatcher
from inferd.rest.request import Request
from inferd.rest.routing import Handler, Route, Router
from inferd.rest.stream import EventStream
from tests.served import Served, served
from tests.unit.rest.serving import request, serving, unsent

SECRET = "sk-a-secret-in-a-bug"


async def _fine(request: Request) -> Answer:
    return answer.json({"a": [1.50, {"b": 2}]})


async def _text(request: Request) -> Answer:
    return answer.text("x")


async def _refused(request: Request) -> Answer:
    raise StatusFailure("no", 418)


async def _bug(request: Request) -> Answer:
    raise KeyError(SECRET)


async def _bug_of_a_connection(request: Request) -> Answer:
    raise ConnectionRefusedError(SECRET)


async def _after_chunks(request: Request) -> Answer:
    async def batches() -> AsyncIterator[list[bytes]]:
        yield [b"first\n"]
        raise KeyError(SECRET)

    return await EventStream(request, envelope).send(batches(), b"".join)


async def _after_the_end(request: Request) -> Answer:
    async def batches() -> AsyncIterator[list[bytes]]:
        yield [b"first\n"]

    await EventStream(request, envelope).send(batches(), b"".join)
    raise KeyError(SECRET)


@pytest.mark.parametrize(
    ("carrier", "body"),
    [
        ("body", b'{"error":{"root_cause":[{"type":"status_exception","reason":"no"}],"type":"status_exception",'
                 b'"reason":"no"},"status":418}'),
        ("event", b'event: error\ndata: {"error":{"root_cause":[{"type":"status_exception","reason":"no"}],'
                  b'"type":"status_exception","reason":"no"},"status":418}\n\n'),
        ("chat", b'event: error\ndata: {"error":{"code":"internal_server_error","message":"no",'
                 b'"type":"status_exception"}}\n\n'),
    ],
)  # fmt: skip
async def test_a_failure_travels_as_the_route_says(inferd: Served, carrier: str, body: bytes) -> None:
    async with serving(inferd.parts, [Route("GET", "/x", _refused, carrier=carrier)]) as here:
        head, told = await here.ask("GET", "/x?filter_path=nothing")
    assert head.startswith("HTTP/1.1 418 ") and told == body
    (line,) = here.lines
    assert (line["message"], line["status"], line["error"]) == ("request", 418, "status_exception")


@pytest.mark.parametrize("handle", [_bug, _bug_of_a_connection])
async def test_a_bug_is_500_and_its_words_are_nobody_s(inferd: Served, handle: Handler) -> None:
    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        head, told = await here.ask("GET", "/x")
    assert head.startswith("HTTP/1.1 500 ")
    assert msgspec.json.decode(told)["error"]["reason"] == "an internal error of inferd; its log has the place"
    bug, line = here.lines
    assert (bug["message"], bug["level"], bug["path"]) == ("bug", "error", "/x")
    assert bug["where"].rpartition(":")[0].endswith("test_dispatch.py")
    assert (line["status"], line["level"]) == (500, "warning")
    assert SECRET not in here.stream.getvalue() + told.decode()


async def test_a_bug_within_a_stream_ends_it_with_an_event(inferd: Served) -> None:
    async with serving(inferd.parts, [Route("GET", "/x", _after_chunks)]) as here:
        head, told = await here.ask("GET", "/x")
    assert head.startswith("HTTP/1.1 200 ")
    assert told.count(b"HTTP/1.1") == 0
    assert b"first\n\n" in told and b"event: error" in told and told.endswith(b"\r\n0\r\n\r\n")
    assert [line["message"] for line in here.lines] == ["bug", "request"]
    assert SECRET not in here.stream.getvalue() + told.decode()


async def test_a_bug_after_a_whole_stream_harms_nobody(inferd: Served) -> None:
    routes = [Route("GET", "/x", _after_the_end), Route("GET", "/y", _fine)]
    async with serving(inferd.parts, routes) as here:
        reader, writer = await here.connect()
        writer.write(request("GET", "/x"))
        first = await reader.readuntil(b"\r\n0\r\n\r\n")
        assert b"[DONE]" in first and b"event: error" not in first
        writer.write(request("GET", "/y"))
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_draining_daemon_closes_its_connections(inferd: Served) -> None:
    inferd.parts.draining = True
    async with serving(inferd.parts, [Route("GET", "/x", _fine)]) as here:
        for path in ("/x", "/nowhere"):
            assert b"Connection: close" in await here.say(request("GET", path))


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", b'{"a":[1.50,{"b":2}]}'),
        ("?pretty", b'{\n  "a" : [\n    1.50,\n    {\n      "b" : 2\n    }\n  ]\n}\n'),
        ("?pretty=true&filter_path=a.b", b'{\n  "a" : [\n    {\n      "b" : 2\n    }\n  ]\n}\n'),
        ("?filter_path=a.b", b'{"a":[{"b":2}]}'),
        ("?filter_path=&pretty=false", b'{"a":[1.50,{"b":2}]}'),
    ],
)
async def test_an_answer_is_formed_as_asked(inferd: Served, query: str, body: bytes) -> None:
    async def raw(request: Request) -> Answer:
        return answer.json(msgspec.Raw(b'{"a":[1.50,{"b":2}]}'))

    async with serving(inferd.parts, [Route("GET", "/x", raw), Route("GET", "/t", _text)]) as here:
        assert (await here.ask("GET", f"/x{query}"))[1] == body
        assert (await here.ask("GET", f"/t{query}"))[1] == b"x"


async def test_json_is_answered_in_the_media_type_that_was_asked_for(inferd: Served) -> None:
    async with serving(inferd.parts, [Route("GET", "/x", _fine), Route("GET", "/t", _text)]) as here:
        for path, spoken in (("/x", "application/vnd.elasticsearch+json;compatible-with=9"),
                             ("/nowhere", "application/vnd.elasticsearch+json;compatible-with=9"),
                             ("/t", "text/plain; charset=UTF-8")):  # fmt: skip
            head, _ = await here.ask("GET", path, "Accept: application/vnd.elasticsearch+json; compatible-with=9")
            assert f"\r\nContent-Type: {spoken}\r\n" in head


async def test_options_and_unknown_routes(inferd: Served) -> None:
    async with serving(inferd.parts, [Route("GET", "/x", _fine), Route("PUT", "/x", _fine)]) as here:
        head, told = await here.ask("OPTIONS", "/x", "X-Opaque-Id: mine")
        assert "200 OK" in head and "Allow: GET,PUT" in head and "X-Opaque-Id: mine" in head and told == b""
        head, told = await here.ask("OPTIONS", "/y")
        assert "400 Bad Request" in head
        head, told = await here.ask("GET", "/y?pretty")
        assert told == b'{\n  "error" : "no handler found for uri [/y?pretty] and method [GET]"\n}\n'
        assert [line["method"] for line in here.lines] == ["OPTIONS", "OPTIONS", "GET"]
        await here.ask("PURGE", "/y")
        assert here.lines[-1]["method"] == "other"


async def test_http_0_9_is_no_http(inferd: Served) -> None:
    async with serving(inferd.parts, [Route("GET", "/", _fine)]) as here:
        told = await here.say(b"GET /\r\n\r\n")
    assert b"the request is not valid HTTP" in told
    assert [(line["message"], line["kind"]) for line in here.lines] == [("malformed request", "HTTP/0.9")]


async def test_bodies_are_looked_at_before_the_handler(inferd: Served) -> None:
    bodies = {"GET": "refused", "POST": "required", "PUT": "any"}
    routes = [Route(method, "/x", _fine, body=body) for method, body in bodies.items()]
    kind = "Content-Type: application/json"
    async with serving(inferd.parts, routes) as here:
        assert b"does not support having a body" in (await here.ask("GET", "/x", kind, body=b"{}"))[1]
        packed = gzip.compress(b"")
        assert "200 OK" in (await here.ask("GET", "/x", kind, "Content-Encoding: gzip", body=packed))[0]
        assert b"request body is required" in (await here.ask("POST", "/x"))[1]
        assert "200 OK" in (await here.ask("POST", "/x", kind, body=b"{}"))[0]
        assert "200 OK" in (await here.ask("PUT", "/x"))[0]
        assert "406 Not Acceptable" in (await here.ask("PUT", "/x", body=b"{}"))[0]
        assert "400 Bad Request" in (await here.ask("PUT", "/x", "Accept: nonsense"))[0]


async def test_an_answer_prepared_by_the_handler_is_left_alone(inferd: Served) -> None:
    async def prepared(asked: Request) -> Answer:
        response = Answer()
        await response.prepare(asked.http)
        return response

    async with serving(inferd.parts, [Route("GET", "/x", prepared)]) as here:
        head, _ = await here.ask("GET", "/x", "X-Opaque-Id: mine")
    assert "X-Opaque-Id" not in head


async def test_where_keys_are_asked_for_the_guard_comes_first(tmp_path: Path) -> None:
    key = client_keys.create(tmp_path / "state", "ann", "user")
    async with served(tmp_path, auth_mode="keys") as inferd:
        routes = [Route("GET", "/x", _fine), Route("GET", "/open", _fine, privilege=None)]
        async with serving(inferd.parts, routes) as here:
            assert "401 Unauthorized" in (await here.ask("GET", "/x?no=such", "Accept: nonsense"))[0]
            assert "200 OK" in (await here.ask("GET", "/x", f"Authorization: ApiKey {key}"))[0]
            assert "200 OK" in (await here.ask("GET", "/open"))[0]
            assert [line.get("client") for line in here.lines if line["message"] == "request"] == [None, "ann", None]
            assert "401 Unauthorized" in (await here.ask("GET", "/nowhere"))[0]
            assert "400 Bad Request" in (await here.ask("GET", "/nowhere", f"Authorization: ApiKey {key}"))[0]
            assert "401 Unauthorized" in (await here.ask("POST", "/x"))[0]
            assert "200 OK" in (await here.ask("OPTIONS", "/x"))[0]


async def test_of_requests_with_one_head_each_is_asked_for_its_key_and_its_body(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    key = client_keys.create(directory, "ann", "user")
    async with served(tmp_path, auth_mode="keys") as inferd:
        guard = inferd.parts.guard
        assert guard is not None
        async with serving(inferd.parts, [Route("POST", "/x", _fine, body="required")]) as here:
            reader, writer = await here.connect()

            headers = (f"Authorization: ApiKey {key}", "Content-Type: application/json")
            for length, status in ((2, 200), (3, 200), (0, 400), (2, 200), (2, 401)):
                if status == 401:
                    client_keys.revoke(directory, "ann")
                    guard.refresh()
                head = request("POST", "/x", *headers, f"Content-Length: {length}")
                writer.write(head + b"{ }"[:length])
                answered = await reader.readuntil(b"\r\n\r\n")
                assert answered.startswith(b"HTTP/1.1 %d " % status)
                await reader.readexactly(int(answered.lower().partition(b"content-length: ")[2].split()[0]))
            writer.close()


async def test_a_name_of_a_client_s_own_must_be_fit_for_a_log(inferd: Served) -> None:
    async with serving(inferd.parts, [Route("GET", "/x", _fine)]) as here:
        for name, taken in (("mine", True), ("a" * 200, True), ("a" * 201, False), ("", False), ("\u00e9", False)):
            head, _ = await here.ask("GET", "/x", f"X-Opaque-Id: {name}")
            assert (f"X-Opaque-Id: {name}" in head) is taken
            assert (here.lines[-1]["id"] == name) is taken


async def test_requests_have_names_of_their_own(inferd: Served) -> None:
    async with serving(inferd.parts, [Route("GET", "/x", _fine)]) as here:
        for _ in range(3):
            await here.ask("GET", "/x")
    names = {line["id"] for line in here.lines}
    assert len(names) == 3 and all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


async def test_nobody_waits_for_being_counted_and_requests_that_end_together_are_told_together(inferd: Served) -> None:
    class Told(Log):
        """Keeps what it is told."""

        def requests(self, lines: Iterable[RequestLine]) -> None:
            told.append([line.status for line in lines])

    told: list[list[int | None]] = []
    dispatch = Dispatcher(Router([Route("GET", "/x", _fine)]), inferd.parts, Told(LogConfig()))
    for _ in range(2):
        for _ in range(3):
            http = unsent("GET", "/x")
            http.connection.transport = transport = Mock(**{"is_closing.return_value": False})
            await dispatch(http)
            transport.write.assert_called_once()
        assert told == [] and not inferd.parts.open
        await asyncio.sleep(0)
        assert told.pop() == [200, 200, 200]
    assert [count for labels, count in inferd.parts.metrics.counted().requests if "/x" in labels] == [6]


async def test_every_log_line_tells_what_befell(inferd: Served) -> None:
    async def busy(asked: Request) -> Answer:
        asked.trace.attempts, asked.trace.queued, asked.trace.first_chunk = 2, 0.25, 0.5
        asked.trace.input_tokens, asked.trace.output_tokens, asked.trace.upstream_status = 3, 4, 200
        return answer.text("")

    async with serving(inferd.parts, [Route("GET", "/x/{id}", busy)]) as here:
        await here.ask("GET", "/x/e")
    (line,) = here.lines
    assert line["ms"] >= 0 and {name: line[name] for name in line if name not in ("time", "id", "ms")} == {
        "level": "info", "message": "request", "method": "GET", "route": "/x/{id}", "endpoint": "e", "status": 200,
        "upstream_status": 200, "queue_ms": 250.0, "first_chunk_ms": 500.0, "attempts": 2, "tokens_in": 3,
        "tokens_out": 4, "remote": "127.0.0.1",
    }  # fmt: skip
