"""The unified request, strict at every level (elasticsearch-openai.md 3), and chunks brought to one form (4.5)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.schema.chat_completion import ChatCompletionRequest, Chunk

REQUEST = msgspec.json.Decoder(ChatCompletionRequest)
CHUNK = msgspec.json.Decoder(Chunk)


def with_message(members: str) -> bytes:
    return f'{{"messages":[{{{members}}}]}}'.encode()


def with_part(part: str) -> bytes:
    return with_message(f'"role":"user","content":[{{"type":"text","text":"t"}},{part}]')


def with_field(field: str) -> bytes:
    return f'{{"messages":[{{"role":"user"}}],{field}}}'.encode()


ACCEPTED = [
    with_message('"role":"anything"'),
    with_message('"role":"user","content":""'),
    with_message('"role":"user","content":[]'),
    with_part('{"type":"Text","text":""}'),
    with_part('{"type":"image_url","image_url":{"url":"u"}}'),
    with_part('{"type":"IMAGE_URL","image_url":{"url":"u","detail":"Auto"}}'),
    with_part('{"type":"file","file":{"file_data":"d","filename":"n"}}'),
    with_message('"role":"tool","tool_call_id":"1","content":"c"'),
    with_message('"role":"assistant","tool_calls":[]'),
    with_message('"role":"assistant","tool_calls":[{"id":"1","type":"t","function":{"name":"n","arguments":""}}]'),
    with_message('"role":"assistant","reasoning":"r","reasoning_details":[]'),
    with_message('"role":"assistant","reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]'),
    with_field('"model":"m"'),
    with_field('"max_completion_tokens":-9223372036854775808'),
    with_field('"stop":"s"'),
    with_field('"stop":["s","t"]'),
    with_field('"temperature":2'),
    with_field('"top_p":-0.5'),
    with_field('"tool_choice":"none"'),
    with_field('"tool_choice":{"type":"function","function":{"name":"n"}}'),
    with_field('"tools":[{"type":"t","function":{"name":"n"}}]'),
    with_field('"tools":[{"type":"t","function":{"name":"n","description":null,"parameters":null,"strict":false}}]'),
    with_field('"reasoning":{"effort":"low"}'),
    with_field('"reasoning":{"effort":"XHIGH","enabled":false,"summary":"s","exclude":true}'),
    with_field('"reasoning":{"enabled":true}'),
    with_field('"cache_control":{}'),
    with_field('"cache_control":{"type":"ephemeral","ttl":"1h"}'),
    with_field('"session_id":"s"'),
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_what_may_be_asked(body: bytes) -> None:
    REQUEST.decode(body)


REFUSED = [
    (b"{}", "missing required field `messages`"),
    (b'{"messages":null}', "- at `$.messages`"),
    (b'{"messages":"hi"}', "- at `$.messages`"),
    (b'{"messages":["hi"]}', "- at `$.messages[0]`"),
    (with_message(""), "missing required field `role` - at `$.messages[0]`"),
    (with_message('"role":null'), "- at `$.messages[0].role`"),
    (with_message('"role":"user","content":null'), "- at `$.messages[0].content`"),
    (with_message('"role":"user","content":5'), "- at `$.messages[0].content`"),
    (with_message('"role":"user","content":{"type":"text","text":"t"}'), "- at `$.messages[0].content`"),
    (with_message('"role":"user","name":"n"'), "unknown field `name` - at `$.messages[0]`"),
    (with_part("{}"), "missing required field `type` - at `$.messages[0].content[1]`"),
    (
        with_part('{"type":"text"}'),
        "Field [text] in object [content] is required but was not found - at `$.messages[0].content[1]`",
    ),
    (with_part('{"type":"text","image_url":{"url":"u"}}'), "Field [text] in object [content] is required"),
    (with_part('{"type":"text","text":"t","image_url":{"url":"u"}}'), "[content] contains unknown fields [image_url]"),
    (with_part('{"type":"image_url","text":"t"}'), "Field [image_url] in object [content] is required"),
    (with_part('{"type":"file","text":"t"}'), "Field [file] in object [content] is required"),
    (with_part('{"type":"audio","text":"t"}'), "Unrecognized type [audio] in object [content]"),
    (with_part('{"type":"text","text":null}'), "- at `$.messages[0].content[1].text`"),
    (with_part('{"type":"image_url","image_url":"u"}'), "- at `$.messages[0].content[1].image_url`"),
    (with_part('{"type":"image_url","image_url":{}}'), "missing required field `url`"),
    (with_part('{"type":"image_url","image_url":{"url":"u","detail":"x"}}'), "Unrecognized detail [x]"),
    (with_part('{"type":"file","file":{"file_id":"f"}}'), "unknown field `file_id`"),
    (with_part('{"type":"file","file":{"file_data":"d"}}'), "missing required field `filename`"),
    (with_part('{"type":"file","file":{"filename":"n"}}'), "missing required field `file_data`"),
    (
        with_message('"role":"a","tool_calls":[{"index":0,"id":"1","type":"t","function":{"name":"","arguments":""}}]'),
        "unknown field `index` - at `$.messages[0].tool_calls[0]`",
    ),
    (
        with_message('"role":"a","tool_calls":[{"type":"t","function":{"name":"n","arguments":""}}]'),
        "missing required field `id`",
    ),
    (
        with_message('"role":"a","tool_calls":[{"id":"1","type":"t","function":{"name":"n"}}]'),
        "missing required field `arguments`",
    ),
    (
        with_message('"role":"a","reasoning_details":[{"type":"reasoning.text"}]'),
        "Field [text] in object [reasoning_details] is required but was not found - at `$.messages[0]`",
    ),
    (with_message('"role":"a","reasoning_details":["r"]'), "- at `$.messages[0].reasoning_details[0]`"),
    (with_field('"model":null'), "- at `$.model`"),
    (with_field('"max_completion_tokens":9223372036854775808'), "- at `$.max_completion_tokens`"),
    (with_field('"max_completion_tokens":1.5'), "- at `$.max_completion_tokens`"),
    (with_field('"stop":5'), "- at `$.stop`"),
    (with_field('"stop":[5]'), "- at `$.stop[0]`"),
    (with_field('"temperature":"hot"'), "- at `$.temperature`"),
    (with_field('"tool_choice":{"type":"function"}'), "missing required field `function` - at `$.tool_choice`"),
    (with_field('"tool_choice":{"type":"function","function":{}}'), "missing required field `name`"),
    (with_field('"tool_choice":5'), "- at `$.tool_choice`"),
    (with_field('"tools":[{"type":"t"}]'), "missing required field `function` - at `$.tools[0]`"),
    (with_field('"tools":[{"type":"t","function":{}}]'), "missing required field `name`"),
    (with_field('"tools":[{"type":"t","function":{"name":"n","parameters":"{}"}}]'), "function.parameters`"),
    (with_field('"tools":[{"type":"t","function":{"name":"n","strict":"yes"}}]'), "function.strict`"),
    (with_field('"tools":[{"type":"t","function":{"name":"n","x":1}}]'), "unknown field `x`"),
    (with_field('"reasoning":{}'), "Required one of fields [effort, enabled]"),
    (with_field('"reasoning":{"summary":"s"}'), "Required one of fields [effort, enabled]"),
    (with_field('"reasoning":{"enabled":false}'), "When [enabled] is false, [effort] must be specified."),
    (with_field('"reasoning":{"effort":"huge"}'), "Unrecognized effort [huge] in object [reasoning]"),
    (with_field('"reasoning":{"effort":null}'), "- at `$.reasoning.effort`"),
    (with_field('"cache_control":{"ttl":"soon"}'), "failed to parse"),
    (with_field('"cache_control":{"ttl":5}'), "- at `$.cache_control.ttl`"),
    (with_field('"cache_control":{"x":5}'), "unknown field `x` - at `$.cache_control`"),
] + [
    (with_field(f'"{name}":1'), f"unknown field `{name}`")
    for name in ("n", "user", "stream", "max_tokens", "response_format", "seed", "stream_options", "task_settings")
]


@pytest.mark.parametrize(("body", "problem"), REFUSED)
def test_what_may_not(body: bytes, problem: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        REQUEST.decode(body)
    assert problem in str(refused.value)


def test_what_was_left_out_stays_out() -> None:
    assert msgspec.json.encode(REQUEST.decode(b'{"messages":[]}')) == b'{"messages":[]}'


FIELDS = [field.encode_name for field in msgspec.structs.fields(ChatCompletionRequest)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["text", "5m", "low"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(["type", "text", "image_url", "url", "detail", "role", "content", "function", "name", "ttl"]),
        inner,
        max_size=3,
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_any_body_is_taken_or_refused_and_what_is_taken_can_be_sent(body: dict[str, object]) -> None:
    try:
        request = REQUEST.decode(msgspec.json.encode({"messages": []} | body))
    except msgspec.ValidationError:
        return
    assert REQUEST.decode(msgspec.json.encode(request)) == request


def normalised(chunk: str) -> str:
    made = CHUNK.decode(chunk)
    made.normalise()
    for choice in made.choices:
        choice.delta.normalise()
    return msgspec.json.encode(made).decode()


@pytest.mark.parametrize(
    ("chunk", "told"),
    [
        ('{"id":"1","choices":[],"usage":null}', '{"id":"1","choices":[],"model":"","object":""}'),
        (
            '{"id":"1","choices":[{"index":0,"delta":{"reasoning":"","reasoning_content":"b"}}],"model":null}',
            '{"id":"1","choices":[{"delta":{"reasoning":""},"index":0}],"model":"","object":""}',
        ),
        (
            '{"id":"1","choices":[{"index":0,"delta":{"reasoning_content":"b"},"finish_reason":""}],"object":null}',
            '{"id":"1","choices":[{"delta":{"reasoning":"b"},"finish_reason":"","index":0}],"model":"","object":""}',
        ),
        (
            '{"id":"1","choices":[{"index":0,"delta":{"tool_calls":[{"index":2,"id":"a","function":{}}]}}],"usage":'
            '{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":null}}',
            '{"id":"1","choices":[{"delta":{"tool_calls":[{"index":2,"id":"a","function":{},"type":null}]},"index":0}],'
            '"model":"","object":"","usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}}',
        ),
        (
            '{"id":"1","choices":[{"index":0,"delta":{"tool_calls":[{"index":2,"id":null,"function":null}]}}],"usage":'
            '{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,'
            '"prompt_tokens_details":{"cache_write_tokens":4},"completion_tokens_details":{"reasoning_tokens":null}}}',
            '{"id":"1","choices":[{"delta":{"tool_calls":[{"index":2,"type":null}]},"index":0}],'
            '"model":"","object":"","usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3,'
            '"prompt_tokens_details":{"cache_write_tokens":4}}}',
        ),
        (
            '{"id":"1","choices":[{"index":0,"delta":{"tool_calls":null,"reasoning_details":null}}],"usage":'
            '{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{},'
            '"completion_tokens_details":{"reasoning_tokens":5}}}',
            '{"id":"1","choices":[{"delta":{},"index":0}],"model":"","object":"","usage":{"completion_tokens":2,'
            '"prompt_tokens":1,"total_tokens":3,"completion_tokens_details":{"reasoning_tokens":5}}}',
        ),
    ],
)
def test_a_chunk_is_brought_to_one_form(chunk: str, told: str) -> None:
    assert normalised(chunk) == told


def test_a_chunk_in_that_form_stays_as_it_is() -> None:
    whole = '{"id":"1","choices":[{"delta":{"content":""},"index":0}],"model":"m","object":"o"}'
    assert normalised(whole) == whole
