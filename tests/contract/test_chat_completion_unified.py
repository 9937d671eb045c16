"""``chat_completion_unified``: a chat, streamed (contract §3.5; elasticsearch-openai §3 and §4.5 in outline)."""

import msgspec
import pytest

from tests.contract.expected import chat_error, error, event, status
from tests.served import Served

URL = "/_inference/chat_completion/chat/_unified"
BODY = "UnifiedCompletionRequestBody"
SENT = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize("path", ["chat_completion/chat", "chat", "any/chat", "Chat_Completion/chat/"])
async def test_chunks_are_bare_and_in_order(inferd: Served, path: str) -> None:
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("POST", f"/_inference/{path}/_unified", SENT)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert (answer.headers["X-elastic-product"], answer.headers["Cache-Control"]) == ("Elasticsearch", "no-cache")
    *blocks, done, rest = answer.body.split(b"\n\n")
    assert (done, rest) == (b"event: message\ndata: [DONE]", b"")
    chunks = [block.removeprefix(b"event: message\ndata: ") for block in blocks]
    documents = [msgspec.json.decode(chunk) for chunk in chunks]
    chat_id = documents[0]["id"]
    assert chunks[0].decode() == (
        f'{{"id":"{chat_id}","choices":[{{"delta":{{"content":"","role":"assistant"}},"index":0}}],'
        '"model":"sim","object":"chat.completion.chunk"}'
    )
    assert chunks[-2].decode() == (
        f'{{"id":"{chat_id}","choices":[{{"delta":{{}},"finish_reason":"stop","index":0}}],'
        '"model":"sim","object":"chat.completion.chunk"}'
    )
    usage = documents[-1]["usage"]
    assert list(documents[-1]) == ["id", "choices", "model", "object", "usage"]
    assert list(usage)[:3] == ["completion_tokens", "prompt_tokens", "total_tokens"]
    text = "".join(d["choices"][0]["delta"].get("content", "") for d in documents[:-1])
    assert "Hello" in text


async def test_a_call_of_a_tool_is_told_in_pieces_whose_type_is_null(inferd: Served) -> None:
    await inferd.put("chat", "chat_completion")
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    answer = await inferd.ask("POST", URL, SENT | {"tools": [tool], "tool_choice": "required"})
    documents = [msgspec.json.decode(block.split(b"data: ")[1]) for block in answer.body.split(b"\n\n")[:-2]]
    calls = [call for d in documents for c in d["choices"] for call in c["delta"].get("tool_calls", ())]
    assert calls[0]["type"] == "function" and calls[0]["function"]["name"] == "weather"
    assert all(call["type"] is None and "id" not in call for call in calls[1:])


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        (b'{"messages":[]}', "action_request_validation_exception",
         "Validation Failed: 1: Field [messages] cannot be an empty array;"),
        (b"{}", "illegal_argument_exception", "Required [messages]"),
        (b'{"messages":[{}]}', "x_content_parse_exception", f"[1:14] [{BODY}] failed to parse field [messages]"),
        (b'{"messages":1}', "x_content_parse_exception",
         f"[1:13] [{BODY}] messages doesn't support values of type: VALUE_NUMBER"),
        (b'{"messages":[{"role":"u","content":null}]}', "x_content_parse_exception",
         f"[1:36] [{BODY}] failed to parse field [messages]"),
        (b'{"messages":[],"stream":true}', "x_content_parse_exception", f"[1:16] [{BODY}] unknown field [stream]"),
        (b'{"messages":[],"mesages":[]}', "x_content_parse_exception",
         f"[1:16] [{BODY}] unknown field [mesages] did you mean [messages]?"),
        (b'{"messages":[], "n":1}', "x_content_parse_exception", f"[1:17] [{BODY}] unknown field [n]"),
        (b"[1]", "x_content_parse_exception", f"[1:1] [{BODY}] Expected START_OBJECT but was: START_ARRAY"),
        (b"{", "x_content_e_o_f_exception", "[1:2] Unexpected end-of-input"),
        (b'{"messages":[],"messages":[]}', "x_content_parse_exception", "[1:16] Duplicate field 'messages'"),
        (b"[" * 200_000, "x_content_parse_exception",
         "[1:101] Document nesting depth (101) exceeds the maximum allowed (100)"),
    ],
)  # fmt: skip
async def test_a_body_that_is_none_is_one_event_in_openai_s_shape(
    inferd: Served, raw: bytes, kind: str, message: str
) -> None:
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("POST", URL, raw)
    assert (answer.status, answer.body) == (400, chat_error(kind, message))


async def test_no_such_endpoint(inferd: Served) -> None:
    expected = chat_error("resource_not_found_exception", "Inference endpoint not found [x]", "not_found")
    for path in ("chat_completion/x", "x"):
        answer = await inferd.ask("POST", f"/_inference/{path}/_unified", SENT)
        assert (answer.status, answer.body) == (404, expected)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("c", "Incompatible task_type for unified API, the requested type [any] must be one of [chat_completion]"),
        (
            "completion/c",
            "Incompatible task_type for unified API, the requested type [completion] must be one of [chat_completion]",
        ),
        (
            "chat_completion/c",
            "Incompatible task_type, the requested type [chat_completion] does not match the model type [completion]",
        ),
        (
            "completion/chat",
            "Incompatible task_type, the requested type [completion] does not match the model type [chat_completion]",
        ),
    ],
)
async def test_only_chats_are_served(inferd: Served, path: str, message: str) -> None:
    await inferd.put("c", "completion")
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("POST", f"/_inference/{path}/_unified", SENT)
    assert (answer.status, answer.body) == (400, chat_error("status_exception", message))


async def test_what_is_wrong_before_the_handler_is_plain_json(inferd: Served) -> None:
    answer = await inferd.ask("POST", "/_inference/garbage/chat/_unified", SENT)
    assert (answer.status, answer.body) == (400, status("Unknown task_type [garbage]"))
    empty = await inferd.ask("POST", URL)
    assert (empty.status, empty.body) == (400, error("parse_exception", "request body is required"))


async def test_a_refusal_of_the_provider_keeps_its_words(inferd: Served) -> None:
    inferd.skip_trials()
    await inferd.put("chat", "chat_completion", "sim-404")
    answer = await inferd.ask("POST", URL, SENT)
    message = (
        f"Resource not found at [{inferd.simulator.base_url}/chat/completions] for request from inference entity id "
        "[chat] status [404]. Error message: [The model does not exist.]"
    )
    told = {"code": "model_not_found", "message": message, "param": "model", "type": "invalid_request_error"}
    assert (answer.status, answer.body) == (404, event(msgspec.json.encode({"error": told}), "error"))


async def test_a_stream_that_breaks_off_ends_with_an_error(inferd: Served) -> None:
    inferd.skip_trials()
    await inferd.put("chat", "chat_completion", "sim-cut")
    answer = await inferd.ask("POST", URL, SENT)
    *chunks, failure, rest = answer.body.split(b"\n\n")
    assert (answer.status, len(chunks) > 0, rest) == (200, True, b"")
    told = msgspec.json.decode(failure.removeprefix(b"event: error\ndata: "))
    assert list(told) == ["error"] and list(told["error"]) == ["code", "message", "type"]
    assert b"[DONE]" not in answer.body
