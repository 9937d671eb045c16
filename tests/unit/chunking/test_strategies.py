"""Strategies: what each promises for any text, and the cases that decide an offset."""

from itertools import pairwise

import icu
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.chunking.chunk import Offsets
from inferd.chunking.settings import MARKDOWN, PLAINTEXT
from inferd.chunking.strategies import by_sentences, by_separators, by_words, whole

# Everything that ICU, UTF-16 or a counting loop may trip over, in one bag.
FRAGMENTS = st.sampled_from(
    ["word", "a", " ", "  ", ". ", "! ", ".", "\n", "\r\n", "\r", "\n\n", "\u2028", "\x85", "\x00", "3.14", "e.g. "]
    + ["今天天气很好", "。", "東京タワー", "한국어", "ภาษาไทย", "မြန်မာ", "ខ្មែរ", "ລາວ", "नमस्ते।", "مرحبا؟", "שלום"]
    + ["😀", "👩\u200d👧", "🇩🇪", "𝒳", "\u0301", "\ud800", "\udc00", "\u200b", "\n# ", "\n## ", "\n---\n", "# Title\n"]
)
TEXTS = st.lists(FRAGMENTS, max_size=120).map("".join)
MANY = settings(max_examples=150, deadline=None, derandomize=True)


def cut_points(found: list[Offsets]) -> set[int]:
    return {at for span in found for at in span}


def code_point_boundaries(text: str) -> set[int]:
    boundaries = {0}
    at = 0
    for character in icu_order(text):
        at += len(character.encode("utf-16-le", "surrogatepass")) // 2
        boundaries.add(at)
    return boundaries


def icu_order(text: str) -> str:
    """A high and a low surrogate that stand together are one character to ICU."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def check(text: str, found: list[Offsets], *, covers_all: bool = True) -> None:
    length = len(icu.UnicodeString(text))
    assert found[0][0] == 0
    assert all(0 <= start <= end <= length for start, end in found)
    assert all(first[0] <= second[0] <= first[1] <= second[1] for first, second in pairwise(found))
    assert cut_points(found) <= code_point_boundaries(text)
    if covers_all:
        assert found[-1][1] == length


@given(TEXTS, st.integers(1, 12), st.data())
@MANY
def test_words_cover_all_but_what_follows_the_last(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    found = by_words(icu.UnicodeString(text), size, overlap)
    check(text, found, covers_all=False)


@given(TEXTS, st.integers(1, 30), st.integers(0, 1))
@MANY
def test_sentences_cover_the_text(text: str, size: int, overlap: int) -> None:
    check(text, by_sentences(icu.UnicodeString(text), size, overlap))


@given(TEXTS, st.integers(1, 30), st.sampled_from([PLAINTEXT, MARKDOWN, ("\n",), (r"\s+", "", "a")]))
@MANY
def test_separators_cover_the_text(text: str, size: int, separators: tuple[str, ...]) -> None:
    check(text, by_separators(icu.UnicodeString(text), size, separators))


@given(TEXTS)
@MANY
def test_nothing_is_cut_without_a_strategy(text: str) -> None:
    units = icu.UnicodeString(text)
    assert whole(units) == [(0, len(units))]


@given(st.integers(1, 60), st.integers(2, 20), st.data())
@MANY
def test_how_many_passages_so_many_words_give(number: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    found = by_words(icu.UnicodeString("w " * number), size, overlap)
    # The blank after the last word makes one more where that word filled its passage and nothing is repeated.
    expected = 1 if number <= size else 1 - (size - number) // (size - overlap)
    assert len(found) == expected


@pytest.mark.parametrize("text", ["", "   ", "... !!!"])
def test_a_text_without_words_stays_whole(text: str) -> None:
    units = icu.UnicodeString(text)
    only = [(0, len(text))]
    assert by_words(units, 10, 3) == by_sentences(units, 20, 1) == by_separators(units, 10, ("x",)) == only


def test_words_drop_what_follows_a_full_last_passage() -> None:
    assert by_words(icu.UnicodeString("a b c."), 3, 1) == [(0, 5)]
    assert by_words(icu.UnicodeString("a b c. d"), 3, 1) == [(0, 5), (3, 8)]


def test_sentences_repeat_the_one_before_where_it_fits() -> None:
    text = icu.UnicodeString("Aa b c. Dd e f. Gg h i. ")
    assert by_sentences(text, 6, 1) == [(0, 16), (8, 24)]
    assert by_sentences(text, 6, 0) == [(0, 16), (16, 24)]


def test_a_long_sentence_is_cut_and_its_rest_goes_on() -> None:
    text = icu.UnicodeString("w " * 25 + "end. " + "Aa b c. ")
    assert by_sentences(text, 20, 0) == [(0, 39), (21, 63)]


def test_an_overlap_longer_than_half_is_cut_down() -> None:
    text = icu.UnicodeString("Aa b c d e f g h. Bb b c d e f g h. ")
    assert by_sentences(text, 10, 1)[1] == (7, 28)


def test_separators_are_tried_in_turn_and_then_sentences() -> None:
    text = icu.UnicodeString("a b c-d e f|g h i. J k l.")
    assert by_separators(text, 3, (r"\|", "-")) == [(0, 5), (5, 11), (11, 19), (19, 25)]


def test_a_separator_that_never_matches_changes_nothing() -> None:
    text = icu.UnicodeString("a b c\nd e f\n")
    assert by_separators(text, 4, ("x", "\n")) == by_separators(text, 4, ("\n",))


def test_neighbours_are_joined_up_to_the_size() -> None:
    text = icu.UnicodeString("a b. -c d. -e f. -g")
    assert by_separators(text, 4, ("-",)) == [(0, 11), (11, 19)]
