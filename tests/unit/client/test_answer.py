"""answer: chunks are shown as they come, and what comes at the end is told at the end."""

import io
import json
import sys

import pytest

from inferd.client.answer import Answer
from inferd.client.failures import ClientFailure


def chunk(finish_reason: str | None = None, **delta: object) -> str:
    """A chunk's data."""
    return json.dumps({"id": "c", "choices": [{"delta": delta, "finish_reason": finish_reason, "index": 0}]})


def shown(*chunks: str, usage: bool = False) -> Answer:
    """An answer of these chunks, finished."""
    answer = Answer(reasoning=True)
    for data in chunks:
        answer.take(data)
    answer.finish(usage=usage)
    return answer


def test_text_is_kept_and_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    answer = shown(chunk(role="assistant", content=""), chunk(content="Grü"), chunk(content="ße"), chunk("stop"))
    assert answer.text == "Grüße"
    assert capsys.readouterr() == ("Grüße\n", "")


def test_a_line_that_ended_is_not_ended_twice(capsys: pytest.CaptureFixture[str]) -> None:
    shown(chunk(content="a\n"))
    assert capsys.readouterr().out == "a\n"


def test_each_piece_is_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    answer = Answer(reasoning=False)
    answer.take(chunk(content="one"))
    assert raw.getvalue() == b"one"


def test_a_refusal_is_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(chunk(refusal="I won't")).text == "I won't"
    assert capsys.readouterr().out == "I won't\n"


@pytest.mark.parametrize("end", ["", "\n"])
def test_reasoning_stands_apart_and_is_not_kept(end: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = shown(chunk(reasoning="Let me"), chunk(reasoning=f" see{end}"), chunk(content="Yes"), chunk(content="."))
    assert answer.text == "Yes."
    assert capsys.readouterr().out.replace("\x1b[2m", "").replace("\x1b[0m", "") == "Let me see\nYes.\n"


def test_reasoning_may_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(reasoning=False)
    answer.take(chunk(reasoning="Let me see"))
    answer.finish(usage=False)
    assert capsys.readouterr().out == ""


def test_tool_calls_are_put_together(capsys: pytest.CaptureFixture[str]) -> None:
    def call(index: int, **function: object) -> dict[str, object]:
        return {"index": index, "function": function, "type": None}

    shown(
        chunk(content="Let me look."),
        chunk(tool_calls=[{**call(0, name="weather", arguments=""), "id": "call_1"}]),
        chunk(tool_calls=[call(0, arguments='{"city":'), call(1, name="time")]),
        chunk(tool_calls=[call(0, arguments='"Köln"}'), {"index": 1, "type": None}]),
        chunk("tool_calls"),
    )
    assert capsys.readouterr() == ('Let me look.\ntool call: weather({"city":"Köln"})\ntool call: time()\n', "")


def test_an_early_end_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    shown(chunk(content="and then"), chunk("length"))
    assert capsys.readouterr() == ("and then\n", "inferd: the model stopped early: length\n")


def test_usage_is_told_if_wanted_and_known(capsys: pytest.CaptureFixture[str]) -> None:
    spent = json.dumps({"choices": [], "usage": {"completion_tokens": 2, "prompt_tokens": 1, "total_tokens": 3}})
    shown(spent)
    shown(usage=True)
    assert capsys.readouterr() == ("", "")
    shown(spent, chunk(), usage=True)
    assert capsys.readouterr() == ("", "inferd: 1 prompt + 2 answer = 3 tokens\n")


@pytest.mark.parametrize("data", ["not json", '{"completion":[{"delta":"x"}]}', "[]"])
def test_what_is_no_chunk_is_told(data: str) -> None:
    with pytest.raises(ClientFailure, match="no chunk of a chat"):
        Answer(reasoning=True).take(data)
