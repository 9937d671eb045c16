"""A completion as chunks and as a document."""

import json
from typing import Any

from inferd.simulator.chunks import Choice, Completion, as_document, as_events
from inferd.simulator.tools import Call

USAGE = {"total_tokens": 3}
OUTLINE = {
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1735689600, "model": 'm"',
    "service_tier": "default", "system_fingerprint": "fp_inferd_simulator",
}  # fmt: skip


def completion(*choices: Choice, reasoning: str = "") -> Completion:
    return Completion("chatcmpl-1", 'm"', list(choices), USAGE, reasoning)


def events(of: Completion, include_usage: bool = False) -> list[Any]:
    whole = list(as_events(of, include_usage))
    assert whole.pop() == b"data: [DONE]\n\n"
    assert all(event.startswith(b"data: {") and event.endswith(b"}\n\n") and event.count(b"\n") == 2 for event in whole)
    return [json.loads(event[6:]) for event in whole]


def chunk(delta: dict[str, Any], finish_reason: str | None = None, index: int = 0) -> dict[str, Any]:
    return OUTLINE | {
        "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
    }


def test_words_come_one_by_one_between_a_role_and_a_reason() -> None:
    assert events(completion(Choice(0, ["One", " tw\n\"", " One"], "stop"))) == [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "One"}),
        chunk({"content": " tw\n\""}),
        chunk({"content": " One"}),
        chunk({}, "stop"),
    ]


def test_usage_is_a_chunk_of_its_own_and_null_in_the_others() -> None:
    *chunks, last = events(completion(Choice(0, ["a"], "length")), include_usage=True)
    assert [one["usage"] for one in chunks] == [None] * 3
    assert last == OUTLINE | {"choices": [], "usage": USAGE}
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_choices_alternate() -> None:
    chunks = events(completion(Choice(0, ["a"], "stop"), Choice(1, ["b", "c"], "stop")))
    assert [one["choices"][0]["index"] for one in chunks] == [0, 1, 0, 1, 0, 1, 1]
    assert chunks[1] == chunk({"role": "assistant", "content": "", "refusal": None}, index=1)


def test_thoughts_come_first() -> None:
    chunks = events(completion(Choice(0, ["a"], "stop", thoughts=["t", " u"]), reasoning="reasoning_content"))
    assert chunks[1:4] == [
        chunk({"reasoning_content": "t"}), chunk({"reasoning_content": " u"}), chunk({"content": "a"})
    ]  # fmt: skip


def test_a_call_comes_in_pieces() -> None:
    calls = [Call("call_1", "f", '{"a":1}'), Call("call_2", "g", "{}")]
    chunks = events(completion(Choice(0, [], "tool_calls", calls)))
    assert chunks[0] == chunk({"role": "assistant", "content": None, "refusal": None})
    deltas = [one["choices"][0]["delta"]["tool_calls"][0] for one in chunks[1:-1]]
    assert deltas[0] == {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert deltas[1] == {"index": 0, "function": {"arguments": '{"'}}
    for index, call in enumerate(calls):
        assert "".join(d["function"]["arguments"] for d in deltas if d["index"] == index) == call.arguments
    assert chunks[-1] == chunk({}, "tool_calls")


def test_a_document_holds_the_same() -> None:
    document = as_document(completion(Choice(0, ["One", " two"], "stop", thoughts=["t", " u"]), reasoning="reasoning"))
    message: dict[str, Any] = {"role": "assistant", "content": "One two", "refusal": None, "annotations": []}
    message["reasoning"] = "t u"
    assert document == OUTLINE | {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def test_a_document_holds_calls_in_place_of_content() -> None:
    document = as_document(completion(Choice(0, [], "tool_calls", [Call("c", "f", "{}")])))
    message: dict[str, Any] = document["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
