"""``stream_completion``: a completion as it is written (elasticsearch-rest §5, contract §3.4 to §3.7)."""

from pathlib import Path

import msgspec
import pytest

from tests.contract.expected import error, event, malformed, not_found, status
from tests.scripted_upstream import scripted
from tests.served import Served, served

HEADERS = {
    "X-elastic-product": "Elasticsearch",
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}
ACCEPTS = (None, "text/event-stream", "application/vnd.elasticsearch+json; compatible-with=9,text/plain")


def pieces(body: bytes) -> list[str]:
    """The texts in a complete stream."""
    *blocks, done, rest = body.split(b"\n\n")
    assert (done, rest) == (b"event: message\ndata: [DONE]", b"")
    documents = [msgspec.json.decode(block.removeprefix(b"event: message\ndata: ")) for block in blocks]
    return [document["completion"][0]["delta"] for document in documents]


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("path", ["completion/c", "c", "any/c", "COMPLETION/c"])
async def test_each_piece_is_an_event_and_done_is_the_last(inferd: Served, path: str, accept: str | None) -> None:
    await inferd.put("c", "completion")
    whole = await inferd.ask("POST", "/_inference/c", {"input": "Hello"})
    headers = {"Accept": accept} if accept else {}
    answer = await inferd.ask("POST", f"/_inference/{path}/_stream?pretty&filter_path=x", {"input": "Hello"}, headers)
    assert answer.status == 200
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    texts = pieces(answer.body)
    assert answer.body == b"".join(
        event(msgspec.json.encode({"completion": [{"delta": text}]})) for text in texts
    ) + event(b"[DONE]")
    assert len(texts) > 3 and "".join(texts) == whole.json["completion"][0]["result"]


async def test_an_embedding_comes_whole_in_one_event(inferd: Served) -> None:
    await inferd.put("m", "embedding", dimensions=3)
    whole = await inferd.ask("POST", "/_inference/m", {"input": "a"})
    answer = await inferd.ask("POST", "/_inference/embedding/m/_stream", {"input": "a"})
    assert (answer.status, answer.body) == (200, event(whole.body) + event(b"[DONE]"))


async def test_an_embedding_of_many_lines_is_one_line_of_an_event(inferd: Served) -> None:
    vector = b"[\r\n  1.50,\n\n  -2E-3\n]"
    body = b'{"data":[{"embedding":%b}]}' % vector
    async with scripted([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)]) as upstream:
        await inferd.put("m", "embedding", url=upstream.url)
        whole = await inferd.ask("POST", "/_inference/m", {"input": "a"})
        answer = await inferd.ask("POST", "/_inference/embedding/m/_stream", {"input": "a"})
    assert whole.body == b'{"embeddings":[{"embedding":%b}]}' % vector
    told = event(b'{"embeddings":[{"embedding":[  1.50,  -2E-3]}]}')
    assert (answer.status, answer.body) == (200, told + event(b"[DONE]"))


NO_STREAM = "Streaming is not allowed for service [openai] and task"
CHAT_ONLY = (
    "Inference entity [chat] does not support task type [chat_completion] for inference, the task type must be one "
    "of [text_embedding, embedding, completion]. The task type for the inference entity is chat_completion, please "
    "use the _inference/chat_completion/chat/_unified URL."
)


@pytest.mark.parametrize(
    ("path", "raw", "code", "expected"),
    [
        ("nothing", b"{}", 404, not_found("nothing")),
        ("completion/nothing", b'{"input":"a"}', 404, not_found("nothing")),
        (
            "e",
            b'{"input":"a"}',
            405,
            status(f"{NO_STREAM} [any]. Supported tasks: [completion,chat_completion]", 405),
        ),
        (
            "text_embedding/e",
            b'{"input":"a"}',
            405,
            status(f"{NO_STREAM} [text_embedding]. Supported tasks: [completion,chat_completion]", 405),
        ),
        ("chat", b'{"messages":[]}', 400, status(CHAT_ONLY)),
        ("chat_completion/chat", b'{"messages":[]}', 400, status(CHAT_ONLY)),
        (
            "c",
            b'{"input":"a","stream":true}',
            400,
            malformed("[1:14] [cluster:internal/xpack/inference] unknown field [stream]"),
        ),
        ("c", b"{", 400, error("x_content_e_o_f_exception", "[1:2] Unexpected end-of-input")),
    ],
)
async def test_a_failure_before_the_first_piece_is_one_event_of_its_true_status(
    inferd: Served, path: str, raw: bytes, code: int, expected: bytes
) -> None:
    for name, task_type in (("c", "completion"), ("e", "text_embedding"), ("chat", "chat_completion")):
        await inferd.put(name, task_type)
    answer = await inferd.ask("POST", f"/_inference/{path}/_stream", raw)
    assert (answer.status, answer.body) == (code, event(expected, "error"))
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("path", "raw", "headers", "code", "expected"),
    [
        ("garbage/c/_stream", b"{}", {}, 400, status("Unknown task_type [garbage]")),
        ("c/_stream", b"", {}, 400, error("parse_exception", "request body is required")),
        (
            "c/_stream?x=1",
            b"{}",
            {},
            400,
            error("illegal_argument_exception", "request [/_inference/c/_stream] contains unrecognized parameter: [x]"),
        ),
        (
            "c/_stream",
            b"{}",
            {"Content-Type": "text/plain"},
            406,
            b'{"error":"Content-Type header [text/plain] is not supported","status":406}',
        ),
    ],
)
async def test_a_failure_before_the_handler_is_plain_json(
    inferd: Served, path: str, raw: bytes, headers: dict[str, str], code: int, expected: bytes
) -> None:
    answer = await inferd.ask("POST", f"/_inference/{path}", raw, headers)
    assert (answer.status, answer.body) == (code, expected)
    assert answer.headers["Content-Type"] == "application/json"


async def test_a_refusal_of_the_provider_has_its_true_status(inferd: Served) -> None:
    inferd.skip_trials()
    await inferd.put("c", "completion", "sim-401")
    answer = await inferd.ask("POST", "/_inference/completion/c/_stream", {"input": "a"})
    reason = (
        "Received an authentication error status code for request from inference entity id [c] status [401]. "
        "Error message: [Incorrect API key provided.]"
    )
    assert (answer.status, answer.body) == (401, event(status(reason, 401), "error"))


@pytest.mark.parametrize("model", ["sim-cut", "sim-reset-stream", "sim-error-event", "sim-truncated"])
async def test_a_failure_after_the_first_piece_is_the_last_event(inferd: Served, model: str) -> None:
    inferd.skip_trials()
    await inferd.put("c", "completion", model)
    answer = await inferd.ask("POST", "/_inference/completion/c/_stream", {"input": "Hello"})
    *texts, failure, rest = answer.body.split(b"\n\n")
    assert answer.status == 200
    assert (texts != [], rest) == (True, b"")
    name, _, data = failure.partition(b"\ndata: ")
    assert name == b"event: error"
    told = msgspec.json.decode(data)
    assert list(told) == ["error", "status"]
    assert list(told["error"]) == ["root_cause", "type", "reason"]
    assert b"[DONE]" not in answer.body
    assert inferd.lines[-1]["status"] == 200 and inferd.lines[-1]["error"] == told["error"]["type"]


async def test_chats_may_be_let_onto_this_route(tmp_path: Path) -> None:
    async with served(tmp_path, compat_chat_on_stream_route="true") as inferd:
        await inferd.put("chat", "chat_completion")
        await inferd.put("c", "completion")
        sent = {"messages": [{"role": "user", "content": "Hello"}]}
        unified = await inferd.ask("POST", "/_inference/chat_completion/chat/_unified", sent)
        for path in ("chat", "chat_completion/chat", "any/chat"):
            answer = await inferd.ask("POST", f"/_inference/{path}/_stream", sent)
            assert answer.status == 200
            assert without_ids(answer.body) == without_ids(unified.body)
        plain = await inferd.ask("POST", "/_inference/c/_stream", {"input": "Hello"})
        assert (plain.status, pieces(plain.body) != []) == (200, True)
        missing = await inferd.ask("POST", "/_inference/chat_completion/nothing/_stream", sent)
        told = '{"error":{"code":"not_found","message":"Inference endpoint not found [nothing]",'
        assert missing.text == f'event: error\ndata: {told}"type":"resource_not_found_exception"}}}}\n\n'


def without_ids(body: bytes) -> list[object]:
    """The choices of each chunk."""
    blocks = body.split(b"\n\n")[:-2]
    return [msgspec.json.decode(block.split(b"data: ")[1])["choices"] for block in blocks]
