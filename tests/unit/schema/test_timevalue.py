"""Spans of time as Elasticsearch writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import IllegalArgument, NumberFormat
from inferd.schema.timevalue import parse, text_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("1500ms", 1.5),
        ("2m", 120.0),
        (" 1H ", 3600.0),
        ("1d", 86400.0),
        ("10 s", 10.0),
        ("5micros", 5e-6),
        ("7NANOS", 7e-9),
        ("+3s", 3.0),
        ("0", 0.0),
        ("000", 0.0),
        ("0s", 0.0),
        ("-1", 0.0),
        ("-01", 0.0),
        ("-1s", 0.0),
        ("9223372036854775807d", (2**63 - 1) / 1e9),
    ],
)
def test_spans(text: str, seconds: float) -> None:
    assert parse(text, "timeout") == seconds


NO_UNIT = "unit is missing or unrecognized"


@pytest.mark.parametrize("text", ["abc", "", "5", "5M", "-2", "5 x", "1w", "-1M"])
def test_a_span_has_a_unit(text: str) -> None:
    with pytest.raises(IllegalArgument) as raised:
        parse(text, "timeout")
    assert raised.value.reason == f"failed to parse setting [timeout] with value [{text}] as a time value: {NO_UNIT}"
    assert raised.value.cause is None


def test_a_span_is_not_negative() -> None:
    with pytest.raises(IllegalArgument) as raised:
        parse("-2s", "t")
    told = "failed to parse setting [t] with value [-2s] as a time value: negative durations are not supported"
    assert raised.value.reason == told


@pytest.mark.parametrize(
    ("text", "reason", "number"),
    [
        ("1.5s", "failed to parse [1.5s], fractional time values are not supported", "1.5"),
        (".5s", "failed to parse [.5s], fractional time values are not supported", ".5"),
        ("1e3ms", "failed to parse [1e3ms], fractional time values are not supported", "1e3"),
        ("s", "failed to parse [s]", ""),
        ("Xs", "failed to parse [Xs]", "x"),
        ("1 0s", "failed to parse [1 0s]", "1 0"),
        ("9223372036854775808s", "failed to parse [9223372036854775808s]", "9223372036854775808"),
        ("\u0663s", "failed to parse [\u0663s]", "\u0663"),
    ],
)
def test_a_span_is_a_whole_number(text: str, reason: str, number: str) -> None:
    with pytest.raises(IllegalArgument) as raised:
        parse(text, "t")
    assert raised.value.reason == reason
    assert isinstance(raised.value.cause, NumberFormat)
    assert raised.value.cause.reason == f'For input string: "{number}"'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(30, "30s"), (120, "2m"), (0.001, "1ms"), (0.0001, "100micros"), (1.5, "1.5s"), (90, "1.5m"), (0, "0s"),
     (5e-9, "5nanos"), (86400, "1d"), (7200, "2h"), (1.999, "1.9s")],
)  # fmt: skip
def test_spans_print_in_their_largest_unit(seconds: float, text: str) -> None:
    assert text_of(seconds) == text


@given(st.text(max_size=12))
def test_any_text_is_a_span_or_refused(text: str) -> None:
    try:
        assert parse(text, "t") >= 0.0
    except IllegalArgument as failure:
        assert text in failure.reason
