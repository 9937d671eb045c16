"""Chat requests: what they may ask and what they get."""

import json
from typing import Any

import pytest

from inferd.simulator.answers import Answer, Refused
from inferd.simulator.chat import answer
from inferd.simulator.faults import Memory

USER = {"role": "user", "content": "What is the weather in Paris?"}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"properties": {"location": {"type": "string"}}}},
}
TIME = {"type": "function", "function": {"name": "get_time"}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "The weather: 21 degrees"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": [USER]} | fields).encode()


def ask(**fields: Any) -> Any:
    given = answer(body(**fields), "key", Memory())
    assert given.status == 200 and given.events is None
    return json.loads(given.body)


def stream(**fields: Any) -> list[Any]:
    given = answer(body(stream=True, **fields), "key", Memory())
    assert given.content_type == "text/event-stream; charset=utf-8"
    *chunks, done = given.events or ()
    assert done == b"data: [DONE]\n\n"
    return [json.loads(chunk[6:]) for chunk in chunks]


def refused(**fields: Any) -> tuple[int, str | None]:
    with pytest.raises(Refused) as refusal:
        answer(body(**fields), "key", Memory())
    given: Answer = refusal.value.answer
    return given.status, json.loads(given.body)["error"]["param"]


def content(document: Any, index: int = 0) -> str:
    text: str = document["choices"][index]["message"]["content"]
    return text


def test_an_answer_speaks_of_the_question_and_counts_its_words() -> None:
    document = ask()
    assert USER["content"] in content(document)
    assert (document["model"], document["system_fingerprint"]) == ("gpt-4o", "fp_inferd_simulator")
    assert document["choices"][0]["finish_reason"] == "stop"
    words = len(content(document).split())
    usage = document["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (6, words, words + 6)


def test_the_same_request_gets_the_same_answer_and_another_another_id() -> None:
    assert ask() == ask()
    assert ask()["id"] != ask(seed=1)["id"]
    assert content(ask()) == content(ask(seed=1))


def test_a_stream_says_what_the_document_says() -> None:
    deltas = [chunk["choices"][0]["delta"].get("content", "") for chunk in stream()]
    assert "".join(deltas) == content(ask())
    assert all(len(delta.split()) == 1 for delta in deltas[1:-1])


def test_a_stream_has_usage_where_asked() -> None:
    assert stream(stream_options={"include_usage": True})[-1]["usage"]["prompt_tokens"] == 6
    assert "usage" not in stream(stream_options={})[-1]


def test_content_may_be_parts() -> None:
    parts = [{"type": "text", "text": "One"}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "two"}]
    assert '"One two"' in content(ask(messages=[{"role": "user", "content": parts}]))


def test_the_last_question_counts_or_the_last_message() -> None:
    system, thanks = {"role": "system", "content": "Be brief."}, {"role": "assistant"}
    assert USER["content"] in content(ask(messages=[USER, thanks]))
    assert "Be brief." in content(ask(messages=[system]))


def test_choices_differ() -> None:
    document = ask(n=3)
    assert [choice["index"] for choice in document["choices"]] == [0, 1, 2]
    assert len({content(document, index) for index in range(3)}) == 3


@pytest.mark.parametrize("limit", [{"max_tokens": 3}, {"max_completion_tokens": 3, "max_tokens": 9}])
def test_an_answer_may_be_limited(limit: dict[str, int]) -> None:
    document = ask(**limit)
    assert content(document) == "You asked: \"What"
    assert document["choices"][0]["finish_reason"] == "length"
    assert document["usage"]["completion_tokens"] == 3


def test_a_limit_that_is_not_reached_changes_nothing() -> None:
    words = ask()["usage"]["completion_tokens"]
    assert ask(max_tokens=words)["choices"] == ask()["choices"]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [(" the", 'You asked: "What is'), (["Paris", "is"], 'You asked: "What '), (["", "zzz"], None), ([], None)],
)
def test_an_answer_stops_before_the_first_stop(stop: Any, expected: str | None) -> None:
    document = ask(stop=stop)
    assert content(document) == (expected or content(ask()))
    assert document["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("fields", [{"stop": None, "n": None}, {"reasoning_effort": "high", "temperature": 0.5,
                                    "top_p": 1, "user": "u", "frequency_penalty": -2, "response_format": {}}])
def test_other_fields_are_accepted(fields: dict[str, Any]) -> None:
    assert content(ask(**fields)) == content(ask())


def test_a_tool_is_called_when_the_question_speaks_of_it() -> None:
    choice = ask(tools=[TIME, WEATHER])["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    assert [call["function"] for call in choice["message"]["tool_calls"]] == [
        {"name": "get_weather", "arguments": '{"location":"Paris"}'}
    ]


def test_a_tool_is_not_called_when_it_must_not_or_has_answered() -> None:
    for fields in ({"tool_choice": "none"}, {"messages": [USER, RESULT]}):
        document = ask(**({"tools": [WEATHER]} | fields))
        assert document["choices"][0]["finish_reason"] == "stop"
    assert "21 degrees" in content(ask(tools=[WEATHER], messages=[USER, RESULT]))


def test_a_tool_can_be_forced() -> None:
    for choice in ("required", {"type": "function", "function": {"name": "get_time"}}):
        document = ask(tools=[TIME], tool_choice=choice, messages=[USER, RESULT])
        assert document["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_time"


def test_several_tools_are_called_unless_one_by_one() -> None:
    asked = {"tools": [TIME, WEATHER], "messages": [{"role": "user", "content": "time and weather"}]}
    assert len(ask(**asked)["choices"][0]["message"]["tool_calls"]) == 2
    assert len(ask(parallel_tool_calls=False, **asked)["choices"][0]["message"]["tool_calls"]) == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        ({"n": 0}, "n"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"temperature": 3}, "temperature"),
        ({"stream_options": {}}, "stream_options"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "maybe"}, "tool_choice"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields: dict[str, Any], param: str) -> None:
    assert refused(**fields) == (400, param)


def test_faults_refuse_and_spoil() -> None:
    assert refused(model="sim-404") == (404, "model")
    given = answer(body(model="sim-no-done", stream=True), "key", Memory())
    assert list(given.events or ())[-1] != b"data: [DONE]\n\n"


def test_the_model_name_sets_the_length() -> None:
    assert len(stream(model="sim-words-50")) == 52
    assert ask(model="sim-words-50")["usage"]["completion_tokens"] == 50
    assert len(content(ask(model="sim-bytes-1000"))) == 1000


def test_a_model_may_think_first() -> None:
    document = ask(model="sim-reasoning")
    assert document["choices"][0]["message"]["reasoning_content"]
    assert document["usage"]["completion_tokens_details"]["reasoning_tokens"] > 5
