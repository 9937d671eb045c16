"""Answers that are whole."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from inferd.errors import EndpointNotFound, RequestTimedOut
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.media_type import VENDOR_JSON

Change = Callable[[Answer], Awaitable[None]]


async def _filtered(response: Answer) -> None:
    await answer.filter(response, "a")


async def test_json_and_text() -> None:
    told = answer.json({"a": msgspec.Raw(b"1.50")}, status=201, headers={"X-A": "b"})
    assert (told.status, told.body, told.headers["X-A"]) == (201, b'{"a":1.50}', "b")
    assert (told.headers["Content-Type"], told.headers["X-elastic-product"]) == ("application/json", "Elasticsearch")
    words = answer.text("ok", status=503)
    assert (words.status, words.body, words.headers["Content-Type"]) == (503, b"ok", "text/plain; charset=UTF-8")
    assert told.headers["Server"] == words.headers["Server"] == "inferd"


async def test_a_failure_has_its_status_and_headers() -> None:
    missing = answer.failure(EndpointNotFound.of("x"))
    assert (missing.status, missing.headers["X-elastic-product"]) == (404, "Elasticsearch")
    late = answer.failure(RequestTimedOut("late"))
    assert (late.status, late.headers["X-Timed-Out"]) == (429, "?1")


async def test_only_json_speaks_another_media_type() -> None:
    for response, spoken in (
        (answer.json({}), f"{VENDOR_JSON};compatible-with=9"),
        (answer.text(""), "text/plain; charset=UTF-8"),
        (Answer(headers={"Content-Type": "text/event-stream"}), "text/event-stream"),
    ):
        answer.speak(response, None)
        answer.speak(response, f"{VENDOR_JSON}; compatible-with=9")
        assert response.headers["Content-Type"] == spoken


@pytest.mark.parametrize(
    ("change", "small", "begins"),
    [(_filtered, b'{"a":1}', b'{"a":1}'), (answer.indent, b'{\n  "a" : 1,\n', b'{\n  "a" : 1,\n  "b" : [\n    0,\n')],
)
@pytest.mark.parametrize("numbers", [2, 100_000])
async def test_only_json_is_rewritten_whatever_its_size(
    change: Change, small: bytes, begins: bytes, numbers: int
) -> None:
    response = answer.json({"a": 1, "b": list(range(numbers))})
    await change(response)
    assert isinstance(response.body, bytes) and response.body.startswith(begins if change is answer.indent else small)
    text = answer.text('{"a":1,"b":2}')
    await change(text)
    assert text.body == b'{"a":1,"b":2}'
    stream = Answer(headers={"Content-Type": "text/event-stream"})
    await change(stream)
