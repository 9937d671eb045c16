"""``inference``: its body and its answer, row by row (elasticsearch-rest §4.1, §4.2, §4.5 and §4.8)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.expected import bad_request, error, invalid, malformed, not_found, status
from tests.scripted_upstream import answer as said
from tests.scripted_upstream import scripted
from tests.served import Served, served

PARSER = "[cluster:internal/xpack/inference]"
DEEP = "Document nesting depth (101) exceeds the maximum allowed (100)"
TWO = bad_request("Field [input] cannot be null", "Field [input_type] cannot be specified for task type [completion]")


def unsupported(column: int, field: str, token: str, line: int = 1) -> bytes:
    return malformed(f"[{line}:{column}] {PARSER} {field} doesn't support values of type: {token}")


def unknown(field: str) -> bytes:
    return malformed(f"[1:14] {PARSER} unknown field [{field}]")


def input_type(cause: str) -> bytes:
    failed = f"[1:27] {PARSER} failed to parse field [input_type]"
    return error("x_content_parse_exception", failed, 400, ("illegal_argument_exception", cause))


def mismatch(requested: str) -> bytes:
    return status(
        f"Incompatible task_type, the requested type [{requested}] does not match the model type [text_embedding]"
    )


# Of text embeddings is the endpoint e, of completions c.
REFUSED: list[tuple[str, str, bytes, bytes]] = [
    ("input: required", "e", b"{}", bad_request("Field [input] cannot be null")),
    ("input: [] rejected", "e", b'{"input":[]}', bad_request("Field [input] cannot be an empty array")),
    ("input: null", "e", b'{"input":null}', unsupported(10, "input", "VALUE_NULL")),
    ("input: a number", "e", b'{"input":1}', unsupported(10, "input", "VALUE_NUMBER")),
    ("input: an object", "e", b'{"input":{}}', unsupported(10, "input", "START_OBJECT")),
    ("input: a boolean", "e", b'{"input":true}', unsupported(10, "input", "VALUE_BOOLEAN")),
    ("input: an object in the array", "e", b'{"input":["a",{}]}',
     malformed(f"[1:15] {PARSER} failed to parse field [input]")),
    ("input: a number in the array", "e", b'{"input":["a",\n2]}',
     malformed(f"[2:1] {PARSER} failed to parse field [input]")),
    ("input: more than one of a completion", "c", b'{"input":["a","b"]}',
     error("illegal_argument_exception", "OpenAI chat completions only accepts 1 input")),
    ("task_settings", "e", b'{"input":"a",\n "task_settings":[]}', unsupported(18, "task_settings", "START_ARRAY", 2)),
    ("timeout", "e", b'{"input":"a","timeout":5}', unsupported(24, "timeout", "VALUE_NUMBER")),
    ("no object", "e", b"[]", malformed(f"[1:1] {PARSER} Expected START_OBJECT but was: START_ARRAY")),
    ("no object: a string", "e", b' "x"', malformed(f"[1:2] {PARSER} Expected START_OBJECT but was: VALUE_STRING")),
    ("near miss", "e", b'{"inputs":"a"}', malformed(f"[1:2] {PARSER} unknown field [inputs] did you mean [input]?")),
    *((f"no longer here: {name}", "e", b'{"input":"a","%b":1}' % name.encode(), unknown(name))
      for name in ("query", "top_n", "return_documents")),
    ("chunk: only of embeddings", "c", b'{"input":"a","chunk":true}', unknown("chunk")),
    ("input_type: not of a completion", "completion/c", b'{"input":"a","input_type":"search"}',
     bad_request("Field [input_type] cannot be specified for task type [completion]")),
    ("input_type: with another problem", "completion/c", b'{"input_type":"search"}', TWO),
    ("input_type: no such", "e", b'{"input":"a","input_type":"foo"}',
     input_type("No enum constant org.elasticsearch.inference.InputType.FOO")),
    *((f"input_type: {name}", "e", b'{"input":"a","input_type":"%b"}' % name.encode(),
       input_type(f"Unrecognized input_type [{name}]"))
      for name in ("internal_ingest", "internal_search")),
    *((f"input_type: {name.strip()} of text_embedding", "e", b'{"input":"a","input_type":"%b"}' % name.encode(),
       invalid(f"Invalid input_type [{name.strip().lower()}]. The input_type option is not supported by this service"))
      for name in (" Ingest ", "SEARCH", "classification", "clustering")),
    ("JSON: truncated", "e", b'{"input":"a"', error("x_content_e_o_f_exception", "[1:13] Unexpected end-of-input")),
    ("JSON: a bare word", "e", b'{\n"input": a}', malformed("[2:10] Invalid character")),
    ("JSON: NaN", "e", b'{"input":NaN}', malformed("[1:10] Invalid character")),
    ("JSON: something behind it", "e", b'{"input":"a"}\n x', malformed("[2:2] Trailing characters")),
    ("JSON: duplicate key", "e", b'{"input":"a","input":"b"}', malformed("[1:14] Duplicate field 'input'")),
    ("JSON: not UTF-8", "e", b'{"input":"\xff"}', malformed("[1:11] Invalid UTF-8 byte 0xff")),
    ("JSON: half a character", "e", rb'{"input":"\ud800"}', malformed("[1:11] Escape of half a surrogate pair")),
    ("JSON: no such number", "e", b'{"input":"a","task_settings":{"user":1e999}}',
     malformed("[1:38] Number out of range")),
    ("JSON: too deep", "e", b"[" * 200_000, malformed(f"[1:101] {DEEP}")),
    ("JSON: objects too deep", "e", b'{"task_settings":' * 100_000, malformed(f"[1:1701] {DEEP}")),
    ("JSON: too deep to be printed", "e", b'{"input":"a","task_settings":{"user":' + b"[" * 400 + b"]" * 400 + b"}}",
     malformed(f"[1:136] {DEEP}")),
    ("no task type: 404 precedes the body", "nothing", b"no JSON", not_found("nothing")),
    ("any: 404 precedes the body", "any/nothing", b"no JSON", not_found("nothing")),
    ("a task type: the body precedes 404", "text_embedding/nothing", b"[",
     error("x_content_e_o_f_exception", "[1:2] Unexpected end-of-input")),
    ("a task type: 404", "text_embedding/nothing", b'{"input":"a"}', not_found("nothing")),
    ("the body is parsed by the URL's task type", "embedding/c", b"{}",
     error("illegal_argument_exception", "Required [input]")),
    ("unknown task type", "garbage/e", b"", status("Unknown task_type [garbage]")),
    *((f"task mismatch: {task}", f"{task}/e", b'{"input":"a"}', mismatch(task))
      for task in ("completion", "embedding", "sparse_embedding")),
    ("task mismatch: rerank", "rerank/e", b'{"input":["a"],"query":"q"}', mismatch("rerank")),
    ("an id like a route: _services", "_services", b'{"input":"a"}', not_found("_services")),
    ("an id like a route: _unified", "_unified", b'{"input":"a"}', not_found("_unified")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "raw", "expected"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_cannot_be_meant(inferd: Served, path: str, raw: bytes, expected: bytes) -> None:
    await inferd.put("e", "text_embedding")
    await inferd.put("c", "completion")
    answer = await inferd.ask("POST", f"/_inference/{path}", raw)
    assert (answer.status, answer.body) == (answer.json["status"], expected)


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[Served]:
    """An inferd that tries no endpoint out, so that a script begins with the request of the test."""
    async with served(tmp_path, inference_validate_on_put="off") as inferd:
        yield inferd


def embedded(*texts: str, rest: str = "") -> str:
    listed = ",".join(f'"{text}"' for text in texts)
    return f'{{"input":[{listed}],"model":"m",{rest}"encoding_format":"base64"}}'


def asked(text: str, rest: str = "") -> str:
    return f'{{"messages":[{{"content":"{text}","role":"user"}}],"model":"m","n":1,"stream":false{rest}}}'


TAKEN: list[tuple[str, str, str, str]] = [
    ("input: a string", "text_embedding", '{"input":"a"}', embedded("a")),
    ("input: an array", "text_embedding", '{"input":["a","a"]}', embedded("a", "a")),
    ("input: an empty string", "text_embedding", '{"input":""}', embedded("")),
    ("input: of a completion", "completion", '{"input":"a"}', asked("a")),
    ("input: one in an array", "completion", '{"input":["a"]}', asked("a")),
    ("input: of a completion, empty", "completion", '{"input":""}', asked("")),
    ("input_type: unspecified", "text_embedding", '{"input":"a","input_type":"Unspecified"}', embedded("a")),
    ("input_type: ignored without task type in URL", "completion", '{"input":"a","input_type":"search"}', asked("a")),
    ("input_type: ignored for embedding", "embedding", '{"input":"a","input_type":"ingest"}', embedded("a")),
    ("task_settings", "text_embedding", '{"input":"a","task_settings":{"user":"u"}}',
     embedded("a", rest='"user":"u",')),
    ("task_settings: of a completion", "completion", '{"input":"a","task_settings":{"user":"u"}}',
     asked("a", ',"user":"u"')),
    ("timeout: has no effect", "text_embedding", '{"input":"a","timeout":"1nanos"}', embedded("a")),
    ("timeout: whatever it says", "completion", '{"input":"a","timeout":"soon"}', asked("a")),
    ("chunk: off", "embedding", '{"input":"a","chunk":false}', embedded("a")),
]  # fmt: skip

VECTOR = b'{"index":%d,"embedding":[0.10, -7.7057E-4,1]}'
SHOWN = b'{"embedding":[0.10, -7.7057E-4,1]}'
TEXTS = b'{"choices":[{"message":{"content":"one \\"1\\""}},{"message":{"content":"two"}}]}'


@pytest.mark.parametrize(("task", "raw", "sent"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
async def test_what_goes_upstream_and_comes_back(trusting: Served, task: str, raw: str, sent: str) -> None:
    number = raw.count('"a"') or 1
    vectors = b'{"data":[%b]}' % b",".join(VECTOR % at for at in range(number))
    async with scripted([said(TEXTS if task == "completion" else vectors)]) as upstream:
        await trusting.put("e", task, "m", url=upstream.url)
        answer = await trusting.ask("POST", "/_inference/e", raw.encode())
        assert upstream.received[0].body.decode() == sent
    shown = {
        "completion": b'{"completion":[{"result":"one \\"1\\""},{"result":"two"}]}',
        "text_embedding": b'{"text_embedding":[%b]}' % b",".join([SHOWN] * number),
        "embedding": b'{"embeddings":[%b]}' % SHOWN,
    }
    assert (answer.status, answer.body) == (200, shown[task])
