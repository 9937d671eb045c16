"""Shortening texts as Java counts them, without leaving half a character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.services.openai.truncation import halved, limited

VALID = st.text(st.characters(exclude_categories=["Cs"]))


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "max_tokens", "cut"),
    [
        ("abcdefg", 2, "abcdef"),
        ("abcdef", 2, "abcdef"),
        ("ab", 2, "ab"),
        ("äbcdefg", 2, "äbcdef"),
        ("a😀😀😀", 2, "a😀😀"),
        ("😀😀😀😀", 2, "😀😀😀"),
        ("", 1, ""),
        ("abc", 2**31 - 1, "abc"),
    ],
)
def test_max_input_tokens_is_three_code_units_a_token(text: str, max_tokens: int, cut: str) -> None:
    assert limited([text], max_tokens) == [cut]


def test_without_max_input_tokens_nothing_is_touched() -> None:
    texts = ["a" * 1_000_000]
    assert limited(texts, None) is texts


@pytest.mark.parametrize(
    ("text", "half"), [("abcd", "ab"), ("abc", "a"), ("a", "a"), ("", ""), ("😀", "😀"), ("a😀b", "a"), ("äö", "ä")]
)
def test_half_is_rounded_down_and_never_nothing(text: str, half: str) -> None:
    assert halved([text]) == [half]


@given(VALID, st.integers(1, 20))
def test_a_cut_text_is_a_valid_beginning_and_as_long_as_may_be(text: str, max_tokens: int) -> None:
    (cut,) = limited([text], max_tokens)
    cut.encode()
    assert text.startswith(cut)
    assert units(cut) <= 3 * max_tokens
    assert cut == text or units(cut) >= 3 * max_tokens - 1


@given(VALID)
def test_halving_ends(text: str) -> None:
    for _ in range(units(text) + 1):
        (text,) = halved([text])
    assert len(text) <= 1
