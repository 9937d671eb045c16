"""``chat_completion_unified``: its body, row by row (elasticsearch-openai §3), and what goes upstream of it (§2.4)."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.expected import chat_error
from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta, scripted
from tests.served import Served, served

URL = "/_inference/chat_completion/chat/_unified"
PARSER = "[UnifiedCompletionRequestBody]"
HI = '{"content":"hi","role":"user"}'


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[Served]:
    """An inferd that tries no endpoint out, so that a script begins with the request of the test."""
    async with served(tmp_path, inference_validate_on_put="off") as inferd:
        yield inferd


def message(members: str) -> str:
    return f'{{"messages":[{{{members}}}]}}'


def content(part: str) -> str:
    return message(f'"content":[{part}],"role":"user"')


def field(member: str) -> str:
    return f'{{"messages":[{HI}],{member}}}'


def detail(item: str) -> str:
    """The whole message is where a detail's problem is told."""
    return f'{{"messages":[|{{"role":"a","reasoning_details":[{item}]}}]}}'


def upstream_body(messages: str = HI, before: str = "", model: str = "m", after: str = "") -> str:
    """What is sent; ``before`` stands before the model, ``after`` at the end."""
    rest = f'"model":"{model}","n":1,"stream":true,"stream_options":{{"include_usage":true}}'
    return f'{{"messages":[{messages}]{before},{rest}{after}}}'


def part_sent(part: str) -> str:
    return upstream_body(f'{{"content":[{part}],"role":"user"}}')


CALL = '{"id":"1","function":{"arguments":"{}","name":"f"},"type":"function"}'
TEXT_DETAIL = '{"type":"reasoning.text","text":"t","signature":"s","format":"x","id":"1","index":0}'

TAKEN: list[tuple[str, str, str]] = [
    ("messages", message('"role":"anything","content":"hi"'), upstream_body('{"content":"hi","role":"anything"}')),
    ("messages: content left out", message('"role":"user"'), upstream_body('{"role":"user"}')),
    ("messages: content an array", content('{"type":"text","text":""}'), part_sent('{"text":"","type":"text"}')),
    ("content part: type in any case", content('{"type":"TEXT","text":"t"}'), part_sent('{"text":"t","type":"text"}')),
    ("content part: image_url", content('{"type":"image_url","image_url":{"url":"u"}}'),
     part_sent('{"image_url":{"url":"u"},"type":"image_url"}')),
    *((f"content part: image_url, detail {detail}",
       content(f'{{"type":"image_url","image_url":{{"detail":"{detail}","url":"u"}}}}'),
       part_sent(f'{{"image_url":{{"url":"u","detail":"{detail}"}},"type":"image_url"}}'))
      for detail in ("auto", "low", "high")),
    ("content part: file", content('{"type":"file","file":{"filename":"n","file_data":"d"}}'),
     part_sent('{"file":{"file_data":"d","filename":"n"},"type":"file"}')),
    ("messages: tool_call_id", message('"role":"tool","tool_call_id":"1","content":"c"'),
     upstream_body('{"content":"c","role":"tool","tool_call_id":"1"}')),
    ("messages: tool_calls", message(
        '"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"},"id":"1"}]'),
     upstream_body(f'{{"role":"assistant","tool_calls":[{CALL}]}}')),
    ("messages: reasoning", message('"role":"assistant","reasoning":"r"'),
     upstream_body('{"role":"assistant","reasoning":"r"}')),
    *((f"messages: reasoning_details {item[9:27]}", message(f'"role":"assistant","reasoning_details":[{item}]'),
       upstream_body(f'{{"role":"assistant","reasoning_details":[{item}]}}'))
      for item in (TEXT_DETAIL, '{"type":"reasoning.summary","summary":"s"}',
                   '{"type":"reasoning.encrypted","data":"d"}')),
    ("model", field('"model":"other"'), upstream_body(model="other")),
    ("max_completion_tokens", field('"max_completion_tokens":7'), upstream_body(before=',"max_completion_tokens":7')),
    ("stop", field('"stop":["a","b"]'), upstream_body(before=',"stop":["a","b"]')),
    ("stop: a lone string", field('"stop":"a"'), upstream_body(before=',"stop":["a"]')),
    ("stop: empty", field('"stop":[]'), upstream_body()),
    ("temperature", field('"temperature":-2.5'), upstream_body(before=',"temperature":-2.5')),
    ("top_p", field('"top_p":7.5'), upstream_body(before=',"top_p":7.5')),
    ("tool_choice: a string", field('"tool_choice":"any"'), upstream_body(before=',"tool_choice":"any"')),
    ("tool_choice: a function", field('"tool_choice":{"function":{"name":"f"},"type":"function"}'),
     upstream_body(before=',"tool_choice":{"type":"function","function":{"name":"f"}}')),
    ("tools", field('"tools":[{"type":"function","function":{"name":"f"}}]'), upstream_body(
        before=',"tools":[{"type":"function","function":{"description":null,"name":"f","parameters":null}}]')),
    ("tools: everything", field(
        '"tools":[{"function":{"strict":true,"parameters":{"b":1,"a":[]},"name":"f","description":"d"},"type":"t"}]'),
     upstream_body(before=',"tools":[{"type":"t","function":{"description":"d","name":"f",'
                   '"parameters":{"b":1,"a":[]},"strict":true}}]')),
    ("tools: none", field('"tools":[]'), upstream_body()),
    *((f"reasoning: effort {effort}", field(f'"reasoning":{{"effort":"{effort}"}}'),
       upstream_body(after=f',"reasoning_effort":"{effort}"'))
      for effort in ("xhigh", "high", "medium", "low", "minimal", "none")),
    ("reasoning: everything", field('"reasoning":{"exclude":true,"summary":"auto","enabled":true,"effort":"HIGH"}'),
     upstream_body(after=',"reasoning_effort":"high"')),
    ("cache_control", field('"cache_control":{"type":"ephemeral","ttl":"5m"}'), upstream_body()),
    ("session_id", field('"session_id":"s"'), upstream_body()),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
async def test_what_goes_upstream(trusting: Served, given: str, expected: str) -> None:
    script = [STREAM_HEAD, chunk(delta("x", "stop") + DONE), LAST_CHUNK]
    async with scripted(script) as upstream:
        await trusting.put("chat", "chat_completion", "m", url=upstream.url)
        answer = await trusting.ask("POST", URL, given.encode())
        assert (answer.status, answer.body.endswith(b"\n\nevent: message\ndata: [DONE]\n\n")) == (200, True)
        assert upstream.received[0].body.decode() == expected


async def test_the_endpoint_s_user_and_headers_apply(trusting: Served) -> None:
    script = [STREAM_HEAD, chunk(delta("x", "stop") + DONE), LAST_CHUNK]
    async with scripted(script) as upstream:
        settings = {"api_key": "k", "model_id": "m", "url": upstream.url}
        task = {"user": "me", "headers": {"X-Mine": "1"}}
        sent = {"service": "openai", "service_settings": settings, "task_settings": task}
        await trusting.ask("PUT", "/_inference/chat_completion/chat", sent)
        await trusting.ask("POST", URL, field('"reasoning":{"effort":"low"}').encode())
        assert upstream.received[0].body.decode() == upstream_body(after=',"user":"me","reasoning_effort":"low"')
        assert b"\r\nX-Mine: 1\r\n" in upstream.received[0].head


# A bar marks where the problem is said to be.
FAILED: list[tuple[str, str]] = [
    ("messages", '{"messages":[|5]}'),
    ("role is required", '{"messages":[|{}]}'),
    ("role is a string", message('"role":|5')),
    ("content null", message('"role":"user","content":|null')),
    ("content a number", message('"role":"user","content":|5')),
    ("content an object", message('"role":"user","content":|{"type":"text","text":"t"}')),
    ("unknown key of a message", message('"role":"user","name":|"n"')),
    ("Field [type] in object [content]", content('|{"text":"t"}')),
    ("Field [text] in object [content]", content('|{"type":"text"}')),
    ("Field [text] in object [content] of another type", content('{"type":"text","text":|5}')),
    ("[content] contains unknown fields [image_url]", content('|{"type":"text","text":"t","image_url":{"url":"u"}}')),
    ("[content] contains unknown fields [foo]", content('{"type":"text","text":"t","foo":|1}')),
    ("Unrecognized type [audio] in object [content]", content('{"type":"text","text":""},|{"type":"audio"}')),
    ("Field [url] in object [image_url]", content('{"type":"image_url","image_url":|{}}')),
    ("detail", content('{"type":"image_url","image_url":|{"url":"u","detail":"x"}}')),
    ("Field [file_data] in object [file]", content('{"type":"file","file":|{"filename":"n"}}')),
    ("Field [filename] in object [file]", content('{"type":"file","file":|{"file_data":"d"}}')),
    ("Field [file_id] is not supported for content of type [file]", content('{"type":"file","file":{"file_id":|"f"}}')),
    ("tool_call_id", message('"role":"tool","tool_call_id":|1')),
    ("tool_calls: index is unknown", message(
        '"role":"a","tool_calls":[{"index":|0,"id":"1","type":"t","function":{"name":"f","arguments":""}}]')),
    ("tool_calls: id", message('"role":"a","tool_calls":[|{"type":"t","function":{"name":"f","arguments":""}}]')),
    ("tool_calls: type", message('"role":"a","tool_calls":[|{"id":"1","function":{"name":"f","arguments":""}}]')),
    ("tool_calls: function", message('"role":"a","tool_calls":[|{"id":"1","type":"t"}]')),
    ("tool_calls: arguments", message('"role":"a","tool_calls":[{"id":"1","type":"t","function":|{"name":"f"}}]')),
    ("reasoning_details: not an object", message('"role":"a","reasoning_details":[|"r"]')),
    ("reasoning_details: type", detail('{"text":"t"}')),
    ("reasoning_details: type unknown", detail('{"type":"reasoning.foo"}')),
    ("reasoning_details: reasoning.encrypted needs data", detail('{"type":"reasoning.encrypted","text":"t"}')),
    ("reasoning_details: reasoning.summary needs summary", detail('{"type":"reasoning.summary","text":"t"}')),
    ("reasoning_details: reasoning.text needs text or signature", detail('{"type":"reasoning.text","index":0}')),
    ("reasoning_details: unknown key", detail('{"type":"reasoning.text","text":"t","data":"d"}')),
    ("tool_choice: both parts required", field('"tool_choice":|{"type":"function"}')),
    ("tool_choice: name", field('"tool_choice":{"type":"function","function":|{}}')),
    ("tools: function", field('"tools":[|{"type":"t"}]')),
    ("tools: name", field('"tools":[{"type":"t","function":|{}}]')),
    ("tools: parameters an object", field('"tools":[{"type":"t","function":{"name":"f","parameters":|"{}"}}]')),
    ("tools: strict boolean", field('"tools":[{"type":"t","function":{"name":"f","strict":|"yes"}}]')),
    ("tools: unknown key", field('"tools":[{"type":"t","function":{"name":"f","x":|1}}]')),
    ("stop: not strings", field('"stop":[|5]')),
    ("reasoning: effort unknown", field('"reasoning":|{"effort":"huge"}')),
    ("reasoning: neither effort nor enabled", field('"reasoning":|{"summary":"s"}')),
    ("When [enabled] is false, [effort] must be specified.", field('"reasoning":|{"enabled":false}')),
    ("reasoning: unknown key", field('"reasoning":{"effort":"low","x":|1}')),
    ("cache_control: ttl is a time value", field('"cache_control":|{"ttl":"soon"}')),
    ("cache_control: unknown key", field('"cache_control":{"x":|1}')),
]  # fmt: skip


@pytest.mark.parametrize("marked", [row[1] for row in FAILED], ids=[row[0] for row in FAILED])
async def test_only_the_outermost_field_is_named_with_the_place_of_the_problem(inferd: Served, marked: str) -> None:
    await inferd.put("chat", "chat_completion")
    raw, column = marked.replace("|", ""), marked.index("|") + 1
    name = re.findall(r'"(\w+)"', marked.replace(f'"messages":[{HI}]', ""))[0]
    answer = await inferd.ask("POST", URL, raw.encode())
    told = chat_error("x_content_parse_exception", f"[1:{column}] {PARSER} failed to parse field [{name}]")
    assert (answer.status, answer.body) == (400, told)


REFUSED: list[tuple[str, str, str, str]] = [
    ("messages: required", "{}", "illegal_argument_exception", "Required [messages]"),
    ("Field [messages] cannot be an empty array", '{"messages":[]}', "action_request_validation_exception",
     "Validation Failed: 1: Field [messages] cannot be an empty array;"),
    ("messages: null", '{"messages":|null}', "messages", "VALUE_NULL"),
    ("messages: a string", '{"messages":|"hi"}', "messages", "VALUE_STRING"),
    ("model", field('"model":|5'), "model", "VALUE_NUMBER"),
    ("model: null", field('"model":|null'), "model", "VALUE_NULL"),
    ("max_completion_tokens: a fraction", field('"max_completion_tokens":|1.5'), "max_completion_tokens",
     "VALUE_NUMBER"),
    ("stop", field('"stop":|5'), "stop", "VALUE_NUMBER"),
    ("temperature", field('"temperature":|"hot"'), "temperature", "VALUE_STRING"),
    ("top_p", field('"top_p":|true'), "top_p", "VALUE_BOOLEAN"),
    ("tool_choice", field('"tool_choice":|5'), "tool_choice", "VALUE_NUMBER"),
    ("tools", field('"tools":|{}'), "tools", "START_OBJECT"),
    ("reasoning", field('"reasoning":|"low"'), "reasoning", "VALUE_STRING"),
    ("cache_control", field('"cache_control":|[]'), "cache_control", "START_ARRAY"),
    ("session_id", field('"session_id":|1'), "session_id", "VALUE_NUMBER"),
    ("reasoning: only enabled", field('"reasoning":{"enabled":true}'), "status_exception",
     "OpenAI chat completion requires [reasoning.effort] to map to [reasoning_effort]"),
    *((f"no passthrough of {name}", field(f'|"{name}":1'), "x_content_parse_exception", f"unknown field [{name}]")
      for name in ("n", "user", "max_tokens", "response_format", "seed", "stream_options", "task_settings", "input")),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "kind", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_cannot_be_meant(inferd: Served, marked: str, kind: str, said: str) -> None:
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("POST", URL, marked.replace("|", "").encode())
    if "|" in marked:
        words = said if kind.endswith("_exception") else f"{kind} doesn't support values of type: {said}"
        kind, said = "x_content_parse_exception", f"[1:{marked.index('|') + 1}] {PARSER} {words}"
    assert (answer.status, answer.body) == (400, chat_error(kind, said))
