"""The completion task: one text out, texts or pieces of text back (elasticsearch-openai.md 2.3, 4.2, 4.3)."""

import pytest

from inferd.errors import IllegalArgument, StatusFailure
from inferd.schema.endpoint import TaskType
from inferd.services import Tools
from inferd.services.openai.completion import TextReader, body, results
from inferd.services.openai.settings import OpenAISettings, RateLimitSettings
from tests.unit.services.openai.endpoints import call
from tests.unit.services.openai.streams import read
from tests.unit.services.openai.upstream import events

SETTINGS = OpenAISettings(model_id="m", rate_limit=RateLimitSettings(500))


def test_one_text_is_a_chat_of_one_message() -> None:
    assert body(SETTINGS, ["hi"], "u", stream=False) == (
        b'{"messages":[{"content":"hi","role":"user"}],"model":"m","n":1,"stream":false,"user":"u"}'
    )


def test_a_stream_asks_for_usage() -> None:
    assert body(SETTINGS, ["hi"], None, stream=True) == (
        b'{"messages":[{"content":"hi","role":"user"}],"model":"m","n":1,"stream":true,'
        b'"stream_options":{"include_usage":true}}'
    )


@pytest.mark.parametrize("texts", [[], ["a", "b"]])
def test_it_takes_one_text(texts: list[str]) -> None:
    with pytest.raises(IllegalArgument, match="OpenAI chat completions only accepts 1 input"):
        body(SETTINGS, texts, None, stream=False)


async def test_every_choice_is_a_text() -> None:
    made = call(TaskType.COMPLETION)
    raw = (
        b'{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"a"}},{"message":{"content":""}}],'
        b'"usage":{"prompt_tokens":3,"completion_tokens":4}}'
    )
    assert results(made, raw).texts == ["a", ""]
    assert (made.trace.input_tokens, made.trace.output_tokens) == (3, 4)


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (
            b'{"choices":[{"message":{"content":null}}]}',
            "Expected `str`, got `null` - at `$.choices[0].message.content`",
        ),
        (b'{"choices":[{"message":{}}]}', "Object missing required field `content` - at `$.choices[0].message`"),
        (b"{}", "Object missing required field `choices`"),
        (b"<html>", "JSON is malformed: invalid character (byte 0)"),
        (b'{"x":' + b"[" * 100_000, "nested too deeply"),
        (b'{"choices":[{"message":{"content":"\xff"}}]}', "'utf-8' codec can't decode byte 0xff"),
    ],
)
async def test_what_is_no_answer_is_a_bad_gateway(raw: bytes, cause: str) -> None:
    with pytest.raises(StatusFailure) as failed:
        results(call(TaskType.COMPLETION), raw)
    assert failed.value.status == 502
    assert failed.value.reason.startswith(f"Failed to send OpenAI chat completions request. Cause: {cause}")


async def test_a_stream_gives_its_pieces_of_text(tools: Tools) -> None:
    outcome = await read(
        tools,
        TextReader,
        events(
            b'{"choices":[],"prompt_filter_results":[]}',
            b'{"choices":[{"delta":{"role":"assistant","content":""}}]}',
            b'{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}',
            b'{"choices":[{"delta":{"content":null}}]}',
            b'{"choices":[{"delta":null}]}',
        ),
        events(
            b'{"choices":[{"delta":{"content":"c"},"finish_reason":null}],"usage":null}',
            b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
        ),
        events(
            b'{"choices":[{"delta":{},"finish_reason":"length"}]}',
            b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}',
        ),
    )
    assert (outcome.batches, outcome.failure) == ([["a", "b"], ["c"]], None)
    assert (outcome.call.trace.input_tokens, outcome.call.trace.output_tokens) == (3, 4)


async def test_a_stream_without_finish_is_broken(tools: Tools) -> None:
    outcome = await read(tools, TextReader, events(b'{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}'))
    assert outcome.items == ["a"]
    assert outcome.failure is not None and outcome.failure.status == 502


async def test_an_error_in_the_stream_ends_it(tools: Tools) -> None:
    outcome = await read(
        tools, TextReader, events(b'{"choices":[{"delta":{"content":"a"}}]}', b'{"error":{"message":"no","code":429}}')
    )
    assert outcome.items == ["a"]
    assert outcome.failure is not None and outcome.failure.status == 429


TEXT = b'{"choices":[{"delta":{"content":"%b"}}]}'


@pytest.mark.parametrize("data", [[TEXT % b"a", TEXT % b"b", TEXT % b"c"], [TEXT % b"a", TEXT % b"b" + TEXT % b"c"]])
async def test_pieces_that_come_together_are_the_same_as_one_by_one(tools: Tools, data: list[bytes]) -> None:
    outcome = await read(tools, TextReader, events(*data, b"[DONE]"))
    assert (outcome.batches, outcome.failure) == ([["a", "b", "c"]], None)
