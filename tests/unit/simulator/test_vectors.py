"""Vectors of texts: unit length, near for near texts, the same for ever."""

from collections.abc import Sequence
from hashlib import sha256
from math import fsum, isclose
from operator import mul
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.simulator.vectors import MAX_DIMENSIONS, embed, floats

CATS = ("The cat sat on the mat.", "A cat sits on a mat")
PRICES = ("Share prices dropped on Tuesday", "Stock prices fell sharply on Tuesday")


def sumprod(first: Sequence[float], second: Sequence[float]) -> float:
    return fsum(map(mul, first, second))


def nearness(first: str, second: str, dimensions: int = 1536) -> float:
    return sumprod(floats(embed(first, dimensions)), floats(embed(second, dimensions)))


@settings(deadline=None)
@given(st.text(max_size=200), st.integers(1, 300) | st.just(MAX_DIMENSIONS))
def test_every_text_has_a_unit_vector(text: str, dimensions: int) -> None:
    vector = floats(embed(text, dimensions))
    assert len(vector) == dimensions
    assert isclose(sumprod(vector, vector), 1.0, abs_tol=1e-5)


@settings(deadline=None)
@given(st.text(max_size=200), st.integers(1, 64))
def test_fewer_dimensions_are_the_beginning_of_more(text: str, dimensions: int) -> None:
    short, long = floats(embed(text, dimensions)), floats(embed(text, 64))[:dimensions]
    length = sumprod(long, long) ** 0.5
    assert all(isclose(a * length, b, abs_tol=1e-5) for a, b in zip(short, long, strict=True))


def test_texts_that_share_words_are_near_and_others_far() -> None:
    assert nearness(*CATS) > 0.4 and nearness(*PRICES) > 0.4
    assert nearness("embedding", "embeddings") > 0.5
    assert all(abs(nearness(cat, price)) < 0.15 for cat in CATS for price in PRICES)


def test_letter_case_hardly_matters_and_order_a_little() -> None:
    assert nearness("Hello World", "hello world") > 0.9
    assert 0.8 < nearness("hello old world", "old hello world") < 0.9999


def test_vectors_stay_what_they_were() -> None:
    digest = sha256(embed("The same text has the same vector for ever.", 1536)).hexdigest()
    assert digest == "6d195621c2a62a53f1788d3e1b23b7dc460a09ac07da2ffa72e3ec3807bfbf20"


@pytest.mark.parametrize("text", ["x" * 100_000, "a " * 50_000, "", "!?", "\u65e5\u672c\u8a9e"])
def test_long_and_odd_texts_have_vectors(text: str) -> None:
    assert len(embed(text, 256)) == 1024


@pytest.mark.parametrize("text", ["443", "561", "10013"])
def test_features_that_cancel_out_still_leave_a_direction(text: str) -> None:
    assert abs(floats(embed(text, 1))[0]) == 1.0


def test_a_vector_costs_little() -> None:
    start = process_time()
    for number in range(100):
        embed(f"sentence {number} of the many that a load test sends to be embedded", 1536)
    assert process_time() - start < 1.0
