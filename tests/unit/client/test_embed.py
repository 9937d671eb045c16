"""embed: texts in, a line a vector or a passage out."""

import json
import os

import pytest

from inferd.client import embed
from tests.unit.client.conftest import AtTerminal, Call, Pipe
from tests.unit.client.scripted import ScriptedServer, answer

Captured = pytest.CaptureFixture[str]

PASSAGES = {
    "chunked_inference_service_result": [
        {"chunks": [{"text": "Grüße.\n", "text_offset": {"start": 0, "end": 7}, "embedding": [0.5]}]},
        {"chunks": [{"text": "b", "text_offset": {"start": 0, "end": 1}, "embedding": [1, 2]}]},
    ]
}


@pytest.mark.parametrize("key", ["text_embedding", "embeddings"])
def test_each_vector_is_a_line_with_its_own_digits(
    key: str, server: ScriptedServer, call: Call, capsys: Captured
) -> None:
    body = f'{{"{key}":[{{"embedding":[ 0.018569946,\n -7.7057E-4]}},{{"embedding":[0.10]}}]}}'
    server.reply(*answer(200, body.encode()))
    assert call(embed, "e/1", "one", "zwei ü") == 0
    assert capsys.readouterr() == ("[0.018569946,-7.7057E-4]\n[0.10]\n", "")
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/_inference/e%2F1", {})
    assert asked.json() == {"input": ["one", "zwei ü"]}


def test_each_line_of_a_pipe_is_a_text(server: ScriptedServer, call: Call, pipe: Pipe) -> None:
    server.reply_json({"text_embedding": []})
    pipe("one\r\n\ntwo\u2028and a half\n")
    assert call(embed, "--timeout", "60", "e") == 0
    assert server.asked[0].json() == {"input": ["one", "", "two\u2028and a half"]}
    assert server.asked[0].query == {"timeout": "60000ms"}


def test_nothing_to_embed_is_a_wrong_use(server: ScriptedServer, call: Call, pipe: Pipe, capsys: Captured) -> None:
    pipe("")
    assert call(embed, "e") == 2
    assert capsys.readouterr() == ("", "inferd: there is no text: give it as arguments or on stdin\n")
    assert server.asked == []


def test_the_raw_answer(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply(*answer(200, b'{"text_embedding" : []}'))
    assert call(embed, "--json", "e", "x") == 0
    assert capsys.readouterr().out == '{"text_embedding" : []}\n'


def test_passages_are_documents_in_a_pipe(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply_json(PASSAGES)
    assert call(embed, "--chunk", "e", "Grüße.\n", "b") == 0
    assert server.asked[0].json() == {"input": ["Grüße.\n", "b"], "chunk": True}
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"input": 0, "text": "Grüße.\n", "text_offset": {"start": 0, "end": 7}, "embedding": [0.5]},
        {"input": 1, "text": "b", "text_offset": {"start": 0, "end": 1}, "embedding": [1, 2]},
    ]


def test_passages_are_readable_on_a_terminal(server: ScriptedServer, at_terminal: AtTerminal) -> None:
    server.reply_json(PASSAGES)
    status, screen = at_terminal(embed, "--chunk", "e", "x", steps=[])
    assert status == 0
    assert screen == "\x1b[2m[0] 0-7\x1b[0m Grüße.\r\n\r\n\x1b[2m[1] 0-1\x1b[0m b\r\n"


def test_an_endpoint_of_another_task_is_told(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply_json({"completion": [{"result": "hi"}]})
    assert call(embed, "e", "x") == 1
    assert capsys.readouterr().err == "inferd: endpoint [e] answered without embeddings: it has another task\n"


def test_a_refusal_is_told(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply_json({"error": {"reason": "too many", "type": "timeout_exception"}, "status": 429}, 429)
    assert call(embed, "e", "x") == 1
    assert capsys.readouterr() == ("", f"inferd: {server.url} answered 429: too many\n")


def test_an_argument_that_is_no_text_is_told(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    assert call(embed, "e", os.fsdecode(b"\xff")) == 2
    assert capsys.readouterr().err == "inferd: the text to send is not valid UTF-8\n"
