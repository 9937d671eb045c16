"""failures: every shape of error document becomes one reason."""

import json

import pytest

from inferd.client.failures import MAX_PLAIN_REASON, ServerRefused, reason_of

JSON, EVENTS, TEXT, HTML = "application/json", "text/event-stream", "text/plain", "text/html"
URL = "http://h:1"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"error": {"root_cause": [{"reason": "why"}], "type": "t", "reason": "why"}, "status": 400}, "why"),
        ({"error": {"type": "t", "reason": "outer", "caused_by": {"type": "t", "reason": "inner"}}}, "outer: inner"),
        (
            {"error": {"reason": "a", "caused_by": {"reason": None, "caused_by": {"reason": "c"}}}},
            "a: c",
        ),
        ({"error": "no handler found for uri [/x] and method [GET]"}, "no handler found for uri [/x] and method [GET]"),
        ({"error": "too late", "status": 429}, "too late"),
        ({"error": {"code": "not_found", "message": "Grüße nicht gefunden", "type": "x"}}, "Grüße nicht gefunden"),
        ({"error": {}}, None),
        ({"error": 5}, None),
        ({"fault": "x"}, None),
        ([], None),
    ],
)
def test_the_reason_of_each_shape(document: object, reason: str | None) -> None:
    assert reason_of(json.dumps(document)) == reason


def test_what_is_no_json_has_no_reason() -> None:
    assert reason_of("<html>") is None
    assert reason_of(b'{"error":"\xff"}') is None


@pytest.mark.parametrize(
    ("status", "body", "content_type", "line"),
    [
        (404, b'{"error":"gone","status":404}', JSON, "answered 404: gone"),
        (429, b'event: error\ndata: {"error":\ndata: {"message":"wait"}}\n\n', EVENTS, "answered 429: wait"),
        (502, b" upstream sent\nnothing \n", TEXT, "answered 502: upstream sent\nnothing"),
        (502, b"x" * 999, TEXT, "answered 502: " + "x" * MAX_PLAIN_REASON),
        (502, b"<html>a page</html>", HTML, "answered 502: Bad Gateway"),
        (500, b"", TEXT, "answered 500: Internal Server Error"),
        (599, b"", JSON, "answered 599: no reason given"),
    ],
)
def test_a_refusal_is_told_in_one_line(status: int, body: bytes, content_type: str, line: str) -> None:
    refusal = ServerRefused.of(URL, status, body, content_type)
    assert str(refusal) == f"{URL} {line}"
    assert refusal.status == status


def test_a_refusal_after_the_answer_began_has_no_status() -> None:
    refusal = ServerRefused(URL, None, "upstream left")
    assert (str(refusal), refusal.exit_status) == (f"{URL} broke off its answer: upstream left", 1)
