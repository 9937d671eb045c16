"""Every row of elasticsearch-rest §2.1 and §2.2, byte for byte, status for status; the tests are called as the rows."""

from typing import NamedTuple

import pytest

from tests.contract.expected import bad_request, error, flat, invalid, malformed, not_found, status
from tests.contract.put_body import body
from tests.served import Served

JSON = "application/json"
NINE = "application/vnd.elasticsearch+json;compatible-with=9"
PARSER = "cluster:internal/xpack/inference"


class Row(NamedTuple):
    """A request and its whole answer; ``headers`` are added to the answer's usual ones."""

    name: str
    method: str
    path: str
    sent: object
    code: int
    expected: bytes
    accept: str | None = None
    content_type: str | None = JSON
    headers: tuple[tuple[str, str], ...] = ()


def illegal(reason: str) -> bytes:
    return error("illegal_argument_exception", reason)


def unknown(path: str, told: str) -> bytes:
    return illegal(f"request [{path}] contains unrecognized {told}")


def media_type(header: str, *cause: str) -> bytes:
    told = f"Invalid media-type value on headers [{header}]"
    return error("media_type_header_exception", told, 400, (cause[0], cause[1]), root=0)


NO_BODY = error("parse_exception", "request body is required")
TIMED_OUT = (
    b'{"error":{"root_cause":[{"type":"timeout_exception","reason":"Request timed out after [1nanos] for inference id '
    b'[e]","timed_out":true}],"type":"timeout_exception","reason":"Request timed out after [1nanos] for inference id '
    b'[e]","timed_out":true},"status":429}'
)
BOTH = (
    "A compatible version is required on both Content-Type and Accept headers if either one has requested a "
    "compatible version."
)

ROWS = [
    # §2.1
    Row("explicit status error", "GET", "/_inference/garbage/e", None, 400, status("Unknown task_type [garbage]")),
    Row("explicit status error: its own status", "POST", "/_inference/text_embedding/e/_stream",
        {"input": "a"}, 405,
        b"event: error\ndata: " + status("Streaming is not allowed for service [openai] and task [text_embedding]. "
                                         "Supported tasks: [completion,chat_completion]", 405) + b"\n\n"),
    Row("endpoint missing", "GET", "/_inference/x", None, 404, not_found("x")),
    Row("endpoint exists on PUT", "PUT", "/_inference/text_embedding/e", body(), 400,
        error("resource_already_exists_exception", "Inference endpoint [e] already exists")),
    Row("settings validation", "PUT", "/_inference/completion/x", body(model_id=""), 400,
        invalid("[service_settings] Invalid value empty string. [model_id] must be a non-empty string")),
    Row("request validation", "POST", "/_inference/e", {}, 400, bad_request("Field [input] cannot be null")),
    Row("bad argument", "DELETE", "/_inference/e?force=maybe", None, 400,
        illegal("Failed to parse value [maybe] as only [true] or [false] are allowed.")),
    Row("JSON structure", "POST", "/_inference/e", {"input": 1}, 400,
        malformed(f"[1:10] [{PARSER}] input doesn't support values of type: VALUE_NUMBER")),
    Row("truncated JSON", "POST", "/_inference/e", b'{"input":', 400,
        error("x_content_e_o_f_exception", "[1:10] Unexpected end-of-input")),
    Row("missing body", "PUT", "/_inference/completion/x", b"", 400, NO_BODY),
    Row("timeout", "POST", "/_inference/e?timeout=1nanos", {"input": "a"}, 429, TIMED_OUT,
        headers=(("X-Timed-Out", "?1"),)),
    Row("wrong JSON type where code casts: 400 here", "PUT", "/_inference/completion/x", {"service": [1]}, 400,
        status("Unknown service [[1]]")),
    # §2.2
    Row("Empty body: PUT", "PUT", "/_inference/x", b"", 400, NO_BODY),
    Row("Empty body: _update", "PUT", "/_inference/e/_update", b"", 400, NO_BODY),
    Row("Empty body: POST", "POST", "/_inference/e", b"", 400, NO_BODY),
    Row("no Content-Type", "POST", "/_inference/e", b"{}", 406, flat("Content-Type header is missing", 406),
        content_type=None),
    *(Row(f"Content-Type {kind}", "POST", "/_inference/e", b"{}", 406,
          flat(f"Content-Type header [{kind}] is not supported", 406), content_type=kind)
      for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/unknown")),
    Row("Unparsable media type", "POST", "/_inference/e", b"{}", 400,
        media_type("Content-Type", "illegal_argument_exception", "invalid media-type [json]"), content_type="json"),
    Row("Unparsable media type: Accept", "GET", "/_inference/e", None, 400,
        media_type("Accept", "illegal_argument_exception", "invalid media-type [json]"), accept="json"),
    Row("vendor type only on Content-Type", "POST", "/_inference/e", b"{}", 400,
        media_type("Accept, Content-Type", "status_exception", f"{BOTH} Accept=null, Content-Type={NINE}"),
        content_type=NINE),
    Row("vendor type only on Accept", "POST", "/_inference/e", b"{}", 400,
        media_type("Accept, Content-Type", "status_exception", f"{BOTH} Accept={NINE}, Content-Type={JSON}"),
        accept=NINE),
    Row("Unknown query param", "GET", "/_inference/e?foo=1", None, 400, unknown("/_inference/e", "parameter: [foo]")),
    Row("Unknown query param: several", "GET", "/_inference/e?b&a=1", None, 400,
        unknown("/_inference/e", "parameters: [a], [b]")),
    Row("Unknown query param: near miss", "POST", "/_inference/e?timout=1s", {"input": "a"}, 400,
        unknown("/_inference/e", "parameter: [timout] -> did you mean [timeout]?")),
    Row("Unknown query param: wins over endpoint-not-found", "GET", "/_inference/x?foo", None, 400,
        unknown("/_inference/x", "parameter: [foo]")),
    Row("Body on a GET", "GET", "/_inference", {}, 400,
        illegal("request [GET /_inference] does not support having a body")),
    Row("Body on a DELETE", "DELETE", "/_inference/e", {}, 400,
        illegal("request [DELETE /_inference/e] does not support having a body")),
    Row("timeout=abc", "POST", "/_inference/e?timeout=abc", {"input": "a"}, 400,
        illegal("failed to parse setting [timeout] with value [abc] as a time value: unit is missing or unrecognized")),
    Row("force=maybe", "DELETE", "/_inference/x?dry_run=maybe", None, 400,
        illegal("Failed to parse value [maybe] as only [true] or [false] are allowed.")),
    Row("Body is not an object", "PUT", "/_inference/completion/x", b"\n [1]", 400,
        malformed("[2:2] Failed to parse object: expecting token of type [START_OBJECT]")),
    Row("Body is malformed", "PUT", "/_inference/completion/x", b'{\n  "service": openai\n}', 400,
        malformed("[2:14] Invalid character")),
    Row("Body has a duplicate key", "PUT", "/_inference/completion/x", b'{"a":{"b":1,\n"b":2}}', 400,
        malformed("[2:1] Duplicate field 'b'")),
    Row("Unknown body field", "POST", "/_inference/e", {"input": "a", "foo": 1}, 400,
        malformed(f"[1:14] [{PARSER}] unknown field [foo]")),
    Row("Unknown body field: near miss", "POST", "/_inference/e", {"inputs": "a"}, 400,
        malformed(f"[1:2] [{PARSER}] unknown field [inputs] did you mean [input]?")),
    # §1.3
    Row("no route at all", "GET", "/_inference/a/b/c?x=%20", None, 400,
        b'{"error":"no handler found for uri [/_inference/a/b/c?x=%20] and method [GET]"}'),
    Row("method not", "PATCH", "/_inference/e?x", None, 405, flat(
        "Incorrect HTTP method for uri [/_inference/e?x] and method [PATCH], allowed: [DELETE, GET, POST, PUT]", 405),
        headers=(("Allow", "DELETE,GET,POST,PUT"),)),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_a_failure_is_told_in_full(inferd: Served, row: Row) -> None:
    await inferd.put("e", "text_embedding")
    sent = {"Accept": row.accept, "Content-Type": row.content_type if row.sent is not None else None}
    headers = {name: value for name, value in sent.items() if value is not None}
    if row.sent is not None and row.content_type is None:
        async with inferd.http.request(row.method, inferd.url + row.path, data=row.sent) as response:
            told = response.status, await response.read()
    else:
        answer = await inferd.ask(row.method, row.path, row.sent, headers)
        told = answer.status, answer.body
        kind = "text/event-stream" if row.expected.startswith(b"event") else NINE if row.accept == NINE else JSON
        expected = dict(row.headers) | {"X-elastic-product": "Elasticsearch", "Content-Type": kind}
        assert {name: answer.headers.get(name) for name in expected} == expected
        usual = {*expected, "Content-Length", "Date", "Server"}
        assert set(answer.headers) - usual == ({"Cache-Control", "X-Accel-Buffering"} if "event" in kind else set())
    assert told == (row.code, row.expected)
