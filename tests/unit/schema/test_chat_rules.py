"""The rules of a chat that types cannot say, in Elasticsearch's words."""

from typing import Any

import pytest

from inferd.schema.chat_rules import check_reasoning_detail, check_span, one_of, require_only


@pytest.mark.parametrize("given", ["low", "LOW", "Low"])
def test_a_word_is_taken_in_any_case(given: str) -> None:
    assert one_of(given, ("auto", "low"), "detail", "image_url") == "low"


@pytest.mark.parametrize("given", ["", "lo", "low ", "lów"])
def test_another_is_not(given: str) -> None:
    with pytest.raises(ValueError) as refused:
        one_of(given, ("text", "image_url", "file"), "type", "content")
    assert str(refused.value) == (
        f"Unrecognized type [{given}] in object [content], must be one of [text, image_url, file]"
    )


def test_what_is_needed_and_nothing_else() -> None:
    require_only("text", {"text"}, "content")
    with pytest.raises(ValueError) as missing:
        require_only("text", set(), "content")
    assert str(missing.value) == "Field [text] in object [content] is required but was not found"
    with pytest.raises(ValueError) as unknown:
        require_only("text", {"text", "image_url", "file"}, "content")
    assert str(unknown.value) == "[content] contains unknown fields [file, image_url]"


@pytest.mark.parametrize(
    "detail",
    [
        {"type": "reasoning.encrypted", "data": "d"},
        {"type": "reasoning.summary", "summary": "", "format": "f", "id": "i", "index": 0},
        {"type": "reasoning.text", "text": "t"},
        {"type": "reasoning.text", "signature": "s"},
        {"type": "reasoning.text", "text": "t", "signature": None, "id": None},
    ],
)
def test_details_that_may_be(detail: dict[str, Any]) -> None:
    check_reasoning_detail(detail)


@pytest.mark.parametrize(
    ("detail", "problem"),
    [
        ({}, "Field [type] in object [reasoning_details] is required but was not found"),
        ({"type": 5}, "Field [type] in object [reasoning_details] is required but was not found"),
        ({"type": "reasoning"}, "Unrecognized type [reasoning] in object [reasoning_details]"),
        (
            {"type": "reasoning.encrypted", "text": "t"},
            "Field [data] in object [reasoning_details] is required but was not found",
        ),
        (
            {"type": "reasoning.summary", "summary": None},
            "Field [summary] in object [reasoning_details] is required but was not found",
        ),
        ({"type": "reasoning.text"}, "Field [text] in object [reasoning_details] is required but was not found"),
        (
            {"type": "reasoning.text", "text": "t", "data": "d", "x": 1},
            "[reasoning_details] contains unknown fields [data, x]",
        ),
        (
            {"type": "reasoning.text", "text": 5},
            "Field [text] in object [reasoning_details] is not of the expected type",
        ),
        (
            {"type": "reasoning.text", "text": "t", "index": "0"},
            "Field [index] in object [reasoning_details] is not of the expected type",
        ),
        (
            {"type": "reasoning.text", "text": "t", "index": True},
            "Field [index] in object [reasoning_details] is not of the expected type",
        ),
    ],
)
def test_details_that_may_not(detail: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError) as refused:
        check_reasoning_detail(detail)
    assert str(refused.value) == problem


@pytest.mark.parametrize("text", ["5m", "1500ms", "0", "-1", "1h"])
def test_spans_of_time(text: str) -> None:
    check_span(text, "ttl")


@pytest.mark.parametrize("text", ["", "5", "soon", "5 minutes"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="failed to parse"):
        check_span(text, "ttl")
