"""Suggestions for misspelt names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.rest.did_you_mean import _may_be_near, _similarity, suggestion

KNOWN = ("timeout", "pretty", "human", "format", "input", "input_type")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("timeot", "did you mean [timeout]?"),
        ("timeout", "did you mean [timeout]?"),
        ("inputt", "did you mean any of [input, input_type]?"),
        ("xyz", ""),
        ("", ""),
        ("hu", ""),
        ("hum", "did you mean [human]?"),
        ("timeout" * 1_000_000, ""),
    ],
)
def test_near_names_are_told_the_nearest_first(word: str, told: str) -> None:
    assert suggestion(word, KNOWN) == told


def test_names_equally_near_come_in_their_alphabetical_order() -> None:
    assert suggestion("abcd", ("abcx", "abcy", "abca")) == "did you mean any of [abca, abcx, abcy]?"
    assert suggestion("", ("",)) == "did you mean []?"


@given(st.text(max_size=12))
def test_a_known_word_is_always_its_own_first_suggestion(word: str) -> None:
    found = suggestion(word, (word, *KNOWN))
    assert found.startswith((f"did you mean [{word}]", f"did you mean any of [{word}"))


@given(st.text(max_size=12), st.text(max_size=12))
def test_what_is_not_looked_at_would_not_be_near(one: str, other: str) -> None:
    assert _may_be_near(one, other) or _similarity(one, other) <= 0.5
