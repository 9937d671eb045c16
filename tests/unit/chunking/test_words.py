"""Words and sentences: what counts, and how often."""

import icu
import pytest

from inferd.chunking.words import count, require_icu, sentences, skip, words_of


def units(text: str) -> icu.UnicodeString:
    return icu.UnicodeString(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Won't", 1),
        ("3.14 1,000", 2),
        ("U.S.A.", 1),
        ("e.g. a_b a:b __ x_y", 5),
        ("ice-box", 2),
        ("foo::bar", 2),
        ("12:30", 2),
        ("https://example.org/a", 3),
        ("abc한국어", 2),
        ("今天天气很好。", 3),
        ("_ . 😀 \u0301", 0),
        ("", 0),
    ],
)
def test_what_a_word_is(text: str, expected: int) -> None:
    text_units = units(text)
    assert count(words_of(text_units), 0, len(text_units)) == expected


def test_a_word_one_segment_before_the_start_is_counted_again() -> None:
    text = units("one two\nthree four\n")
    assert count(words_of(text), 8, 19) == 3
    text = units("one two.\nthree four\n")
    assert count(words_of(text), 9, 20) == 2


def test_counting_from_the_start_again() -> None:
    text = units("one two three")
    words = words_of(text)
    assert [count(words, 0, 13), count(words, 0, 7), count(words, 0, 13)] == [3, 2, 3]


@pytest.mark.parametrize(
    ("start", "number", "expected"),
    [(4, 0, 3), (0, 0, 0), (0, 1, 4), (0, 2, 8), (4, 2, 8), (0, 3, 13), (0, 99, 13)],
)
def test_skip_ends_one_segment_late(start: int, number: int, expected: int) -> None:
    text = units("one two three")
    assert skip(words_of(text), start, number) == expected


def test_sentences_cover_the_text() -> None:
    assert list(sentences(units("Mr. Smith e.g. about.\r\nTwo\nThree"))) == [(0, 4), (4, 23), (23, 27), (27, 32)]
    assert list(sentences(units(""))) == []


@pytest.mark.parametrize("version", ["77.1", "78.3", "100.0.1", "77"])
def test_a_late_icu_will_do(version: str) -> None:
    require_icu(version)


def test_an_early_icu_will_not() -> None:
    with pytest.raises(ImportError, match=r"inferd needs ICU 77 or later.* ICU 72\.1; install pyicu-wheels"):
        require_icu("72.1")
