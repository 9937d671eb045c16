"""The words of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.simulator.answer_text import answer_after_tool, answer_to, chunks, exactly, filled, thoughts


def test_an_answer_repeats_the_question_and_says_who_speaks() -> None:
    text = answer_to("What is\n a test?")
    assert text.startswith('You asked: "What is a test?".')
    assert text == answer_to("What is\n a test?") != answer_to("What is\n a test?", 1)
    assert 20 < len(text.split()) < 80


def test_a_long_question_is_shortened_and_an_empty_one_needs_no_quotes() -> None:
    assert answer_to("zebra " * 100).count("zebra") == 24 and "\u2026" in answer_to("zebra " * 100)
    assert answer_to(" ").startswith("You asked nothing.")


def test_what_a_tool_returned_is_told() -> None:
    assert answer_after_tool("21 degrees").startswith('The tool returned: "21 degrees".')


def test_there_are_several_answers() -> None:
    assert len({answer_to(f"question {number}").partition(".")[2] for number in range(100)}) == 27


def test_every_chunk_is_a_word() -> None:
    assert chunks("one  two\nthree. ") == ["one", "  two", "\nthree. "]
    assert chunks("  ") == ["  "] and chunks("") == []
    assert len(thoughts()) == len("".join(thoughts()).split())


@given(st.text())
def test_chunks_joined_are_the_text(text: str) -> None:
    assert "".join(chunks(text)) == text


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 1000])
def test_a_number_of_words_is_exact(count: int) -> None:
    words = exactly(count, "one two three")
    assert len(words) == count == len("".join(words).split())
    assert "".join(words).startswith("one two three one"[: 3 * count])


@pytest.mark.parametrize("size", [0, 1, 17, 18, 100_000])
def test_a_number_of_bytes_is_exact(size: int) -> None:
    assert len(filled(size).encode()) == size
