"""Answers before they leave: heads, documents, refusals."""

import json

import pytest

from inferd.simulator.answers import Answer, Refused, document, error_document, refusal


def lines(answer: Answer, keep_alive: bool = True) -> list[str]:
    head = answer.head("req_1", keep_alive).decode("latin-1")
    assert head.endswith("\r\n\r\n")
    return head.split("\r\n")


def test_a_body_has_its_length() -> None:
    head = lines(Answer(status=404, body=b"four", headers={"retry-after": "1"}))
    assert head[0] == "HTTP/1.1 404 Not Found"
    assert {"content-length: 4", "x-request-id: req_1", "content-type: application/json", "retry-after: 1"} < set(head)
    assert "openai-version: 2020-10-01" in head and "server: inferd-simulator" in head
    assert not any(line.startswith(("connection", "transfer-encoding", "date")) for line in head)


def test_a_stream_comes_in_chunks() -> None:
    head = lines(Answer(events=[]), keep_alive=False)
    assert {"transfer-encoding: chunked", "connection: close"} < set(head)
    assert not any(line.startswith("content-length") for line in head)


def test_headers_of_an_answer_replace_the_usual_ones() -> None:
    head = lines(Answer(headers={"x-ratelimit-remaining-requests": "0"}))
    assert [line for line in head if line.startswith("x-ratelimit-remaining-requests")] == [
        "x-ratelimit-remaining-requests: 0"
    ]


def test_a_refusal_has_the_shape_of_openai() -> None:
    answer = refusal(401, "no", code="invalid_api_key", headers={"a": "b"})
    assert (answer.status, answer.headers) == (401, {"a": "b"})
    assert json.loads(answer.body) == error_document("no", "invalid_request_error", None, "invalid_api_key")
    with pytest.raises(Refused, match="401") as refused:
        raise Refused(answer)
    assert refused.value.answer is answer


def test_a_document_is_json() -> None:
    assert (document({"a": [1, None]}).body, document({}).status) == (b'{"a":[1,null]}', 200)
