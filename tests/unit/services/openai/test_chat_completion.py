"""The chat task: what goes upstream (elasticsearch-openai.md 2.4), and what comes back of a stream (4.5)."""

import msgspec
import pytest

from inferd.errors import StatusFailure
from inferd.schema.chat_completion import ChatCompletionRequest
from inferd.schema.endpoint import TaskType
from inferd.services import Tools
from inferd.services.openai.chat_completion import ChunkReader, body
from inferd.services.openai.settings import OpenAISettings
from tests.unit.services.openai.endpoints import endpoint
from tests.unit.services.openai.streams import read
from tests.unit.services.openai.upstream import events

REQUEST = msgspec.json.Decoder(ChatCompletionRequest)
MINIMAL = '{"messages":[{"content":"hi","role":"user"}]'


def sent(request: str, user: str | None = None) -> str:
    settings = endpoint(TaskType.CHAT_COMPLETION).service_settings
    assert isinstance(settings, OpenAISettings)
    return body(settings, REQUEST.decode(request), user).decode()


def test_the_least_request() -> None:
    assert sent(MINIMAL + "}") == (
        MINIMAL + ',"model":"m","n":1,"stream":true,"stream_options":{"include_usage":true}}'
    )


def test_everything_in_its_order() -> None:
    assert sent(
        """{"session_id":"s","cache_control":{"type":"ephemeral","ttl":"5m"},
        "reasoning":{"exclude":true,"summary":"auto","enabled":true,"effort":"High"},"model":"gpt-x","top_p":0.5,
        "tools":[{"function":{"name":"f"},"type":"function"},
                 {"type":"function","function":{"strict":true,"parameters":{"b":1,"a":{}},"name":"g","description":"d"}}],
        "tool_choice":{"function":{"name":"f"},"type":"function"},"temperature":1,"stop":["a","b"],
        "max_completion_tokens":7,
        "messages":[
          {"role":"user","content":[{"type":"TEXT","text":"t"},
             {"type":"Image_Url","image_url":{"detail":"LOW","url":"u"}},{"image_url":{"url":"u"},"type":"image_url"},
             {"type":"file","file":{"filename":"n","file_data":"d"}}]},
          {"tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"},"id":"1"}],"role":"assistant",
           "reasoning_details":[{"type":"reasoning.text","text":"x","index":0}],"reasoning":"r"},
          {"tool_call_id":"1","role":"tool","content":""}]}""",
        "someone",
    ) == (
        '{"messages":['
        '{"content":[{"text":"t","type":"text"},{"image_url":{"url":"u","detail":"low"},"type":"image_url"},'
        '{"image_url":{"url":"u"},"type":"image_url"},{"file":{"file_data":"d","filename":"n"},"type":"file"}],'
        '"role":"user"},'
        '{"role":"assistant","tool_calls":[{"id":"1","function":{"arguments":"{}","name":"f"},"type":"function"}],'
        '"reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"x","index":0}]},'
        '{"content":"","role":"tool","tool_call_id":"1"}],'
        '"stop":["a","b"],"temperature":1.0,"tool_choice":{"type":"function","function":{"name":"f"}},'
        '"tools":[{"type":"function","function":{"description":null,"name":"f","parameters":null}},'
        '{"type":"function","function":{"description":"d","name":"g","parameters":{"b":1,"a":{}},"strict":true}}],'
        '"top_p":0.5,"max_completion_tokens":7,"model":"gpt-x","n":1,"stream":true,'
        '"stream_options":{"include_usage":true},"user":"someone","reasoning_effort":"high"}'
    )


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ('"stop":"a"', '"stop":["a"]'),
        ('"stop":[]', None),
        ('"stop":""', '"stop":[""]'),
        ('"tools":[]', None),
        ('"tool_choice":"required"', '"tool_choice":"required"'),
        ('"tool_choice":"anything goes"', '"tool_choice":"anything goes"'),
        ('"max_completion_tokens":9223372036854775807', '"max_completion_tokens":9223372036854775807'),
        (
            '"tools":[{"type":"function","function":{"name":"f","parameters":{"max":99999999999999999999}}}]',
            '"parameters":{"max":99999999999999999999}',
        ),
        ('"reasoning":{"effort":"none","enabled":false}', '"reasoning_effort":"none"'),
    ],
)
def test_what_is_left_out_and_what_is_passed_through(given: str, written: str | None) -> None:
    body_sent = sent(f"{MINIMAL},{given}}}")
    if written is None:
        assert body_sent == sent(MINIMAL + "}")
    else:
        assert written in body_sent


@pytest.mark.parametrize("user", [None, ""])
def test_no_user_is_not_sent(user: str | None) -> None:
    assert '"user":' not in sent(MINIMAL + "}", user)


def test_reasoning_without_effort_cannot_be_told_to_openai() -> None:
    with pytest.raises(StatusFailure) as refused:
        sent(MINIMAL + ',"reasoning":{"enabled":true}}')
    assert refused.value.status == 400
    assert refused.value.reason == (
        "OpenAI chat completion requires [reasoning.effort] to map to [reasoning_effort]"
    )


async def written(tools: Tools, *data: bytes) -> list[str]:
    outcome = await read(tools, ChunkReader, events(*data, b"[DONE]"))
    assert outcome.failure is None
    return [msgspec.json.encode(chunk).decode() for chunk in outcome.items]


ROWS = [
    (
        '{"id":"1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","service_tier":"default",'
        '"system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},'
        '"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}',
        '{"id":"1","choices":[{"delta":{"content":"","role":"assistant"},"index":0}],'
        '"model":"gpt-4o","object":"chat.completion.chunk"}',
    ),
    (
        '{"id":"1","object":"o","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        '{"id":"1","choices":[{"delta":{},"finish_reason":"stop","index":0}],"model":"m","object":"o"}',
    ),
    (
        '{"id":"1","object":"o","model":"m","choices":[],"usage":{"prompt_tokens":16,"completion_tokens":28,'
        '"total_tokens":44,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},'
        '"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}}',
        '{"id":"1","choices":[],"model":"m","object":"o","usage":{"completion_tokens":28,"prompt_tokens":16,'
        '"total_tokens":44,"prompt_tokens_details":{"cached_tokens":3},'
        '"completion_tokens_details":{"reasoning_tokens":0}}}',
    ),
    (
        '{"id":"1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,'
        '"prompt_tokens_details":{"audio_tokens":0},"completion_tokens_details":{}}}',
        '{"id":"1","choices":[],"model":"","object":"","usage":{"completion_tokens":2,"prompt_tokens":1,'
        '"total_tokens":3}}',
    ),
    (
        '{"id":"1","model":null,"object":null,"choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"index":0,'
        '"id":"c","type":"function","function":{"name":"f","arguments":""}}]}}]}',
        '{"id":"1","choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"arguments":"","name":"f"},'
        '"type":"function"}]},"index":0}],"model":"","object":""}',
    ),
    (
        '{"id":"1","model":"m","object":"o","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":null,'
        '"function":{"name":null,"arguments":"{"}},{"index":1,"function":null}]}}]}',
        '{"id":"1","choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"},"type":null},'
        '{"index":1,"type":null}]},"index":0}],"model":"m","object":"o"}',
    ),
    (
        '{"id":"1","model":"m","object":"o","choices":[{"index":1,"delta":{"reasoning_content":"hm","content":null,'
        '"refusal":"no","tool_calls":[],"reasoning_details":[]}}]}',
        '{"id":"1","choices":[{"delta":{"refusal":"no","reasoning":"hm"},"index":1}],"model":"m","object":"o"}',
    ),
    (
        '{"id":"1","model":"m","object":"o","choices":[{"index":0,"delta":{"reasoning":"a","reasoning_content":"b",'
        '"reasoning_details":[{"type":"reasoning.text","text":"a"}]}}]}',
        '{"id":"1","choices":[{"delta":{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a"}]},'
        '"index":0}],"model":"m","object":"o"}',
    ),
]


@pytest.mark.parametrize(("chunk", "told"), ROWS)
async def test_a_chunk_leaves_in_elasticsearchs_form(tools: Tools, chunk: str, told: str) -> None:
    assert await written(tools, chunk.encode()) == [told]


async def test_several_choices_and_chunks_keep_their_order(tools: Tools) -> None:
    chunks = [
        b'{"id":"%d","choices":[{"delta":{"content":"a"},"index":1},{"delta":{},"index":0}]}' % at for at in range(9)
    ]
    assert [text[:10] for text in await written(tools, *chunks)] == [f'{{"id":"{at}",' for at in range(9)]


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"choices":[]}',
        b'{"id":"1"}',
        b'{"id":"1","choices":[{"index":0}]}',
        b'{"id":"1","choices":[{"delta":{}}]}',
        b'{"id":"1","choices":[{"index":0,"delta":{"tool_calls":[{"id":"c"}]}}]}',
        b'{"id":"1","choices":[],"usage":{"prompt_tokens":1}}',
    ],
)
async def test_a_chunk_without_what_is_required_ends_the_stream(tools: Tools, chunk: bytes) -> None:
    outcome = await read(tools, ChunkReader, events(b'{"id":"0","choices":[]}', chunk, b"[DONE]"))
    assert len(outcome.items) == 1
    assert outcome.failure is not None and outcome.failure.status == 502


@pytest.mark.parametrize(("reason", "whole"), [('"stop"', True), ('""', False), ("null", False)])
async def test_a_finish_reason_makes_it_whole(tools: Tools, reason: str, whole: bool) -> None:
    chunk = '{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":%s}]}' % reason
    outcome = await read(tools, ChunkReader, events(chunk.encode(), b'{"id":"2","choices":[]}'))
    assert len(outcome.items) == 2
    assert (outcome.failure is None) is whole


@pytest.mark.parametrize("before", [[], [(3, 1), (3, 2)], [(10**400, -1)]])
async def test_tokens_are_counted_once_however_often_they_are_told(
    tools: Tools, before: list[tuple[int, int]]
) -> None:
    usage = '{"id":"1","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":7}}'
    told = [(usage % tokens).encode() for tokens in (*before, (3, 4))]
    outcome = await read(tools, ChunkReader, events(*told, b"[DONE]"))
    assert (outcome.call.trace.input_tokens, outcome.call.trace.output_tokens) == (3, 4)


CHUNK = b'{"id":"%d","choices":[{"delta":{"content":"a"},"index":0}]}'


@pytest.mark.parametrize(
    "data",
    [
        [CHUNK % 0, CHUNK % 1, CHUNK % 2],
        [CHUNK % 0, (CHUNK + CHUNK) % (1, 2)],
        [CHUNK % 0, (CHUNK + b" " + CHUNK) % (1, 2)],
        [CHUNK % 0, CHUNK % 1 + b" ", CHUNK % 2],
    ],
)
async def test_chunks_that_come_together_are_the_same_as_one_by_one(tools: Tools, data: list[bytes]) -> None:
    together = await read(tools, ChunkReader, events(*data, b"[DONE]"))
    alone = await read(tools, ChunkReader, *[events(each) for each in data], events(b"[DONE]"))
    assert [chunk.id for chunk in together.items] == [chunk.id for chunk in alone.items] == ["0", "1", "2"]
    assert together.batches == [together.items] and together.failure is alone.failure is None


async def test_half_a_chunk_is_no_chunk_though_its_other_half_follows(tools: Tools) -> None:
    outcome = await read(tools, ChunkReader, events(CHUNK % 0, b'{"id":"1",', b'"choices":[]}', b"[DONE]"))
    assert len(outcome.items) == 1
    assert outcome.failure is not None and outcome.failure.status == 502
