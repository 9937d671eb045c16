"""Vectors on their way: arrays untouched, base64 as the shortest decimals that are the same float32."""

import base64
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.services.openai.vectors import shortest, vector_text


def text_of(floats: list[float]) -> bytes:
    return bytes(vector_text(msgspec.Raw(b'"%b"' % base64.b64encode(pack(floats)))))


def pack(floats: list[float]) -> bytes:
    return struct.pack(f"<{len(floats)}f", *floats)


def by_trial(number: float) -> float:
    """The first of one to nine digits that reads back."""
    for digits in range(1, 10):
        candidate = float(f"{number:.{digits}g}")
        try:
            if pack([candidate]) == pack([number]):
                return candidate
        except OverflowError:
            continue
    raise AssertionError(number)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_numbers_are_the_shortest_decimals_that_read_back(numbers: list[float]) -> None:
    assert list(map(repr, shortest(pack(numbers)))) == [repr(by_trial(number)) for number in numbers]


@given(st.integers(1, 254), st.integers(0, 2**23 - 1), st.booleans())
def test_so_are_those_of_every_magnitude(exponent: int, mantissa: int, negative: bool) -> None:
    (number,) = struct.unpack("<f", struct.pack("<I", negative << 31 | exponent << 23 | mantissa))
    assert repr(shortest(pack([number]))) == repr([by_trial(number)])


@pytest.mark.parametrize("exponent", range(255))
def test_powers_of_two_have_a_nearer_neighbour_below(exponent: int) -> None:
    for mantissa in (0, 1, 2**23 - 1):
        (number,) = struct.unpack("<f", struct.pack("<I", exponent << 23 | mantissa))
        assert shortest(pack([number])) == [by_trial(number)]


@pytest.mark.parametrize(
    ("floats", "text"),
    [
        ([0.1, -0.25, 1.0], b"[0.1,-0.25,1.0]"),
        ([0.0, -0.0], b"[0.0,-0.0]"),
        ([0.034812577068805695], b"[0.034812577]"),
        ([1e-5, 16777216.0, 3.4028234663852886e38, 1e-45], b"[0.00001,16777216.0,3.4028235e38,1e-45]"),
    ],
)
def test_base64_becomes_numbers(floats: list[float], text: bytes) -> None:
    assert text_of(floats) == text


@pytest.mark.parametrize("literal", [rb'"zczMPQ\u003D="', rb'"zczM\u0050Q=="', b'"zczMPQ=="'])
def test_what_a_server_escapes_without_need_is_read(literal: bytes) -> None:
    assert bytes(vector_text(msgspec.Raw(literal))) == b"[0.1]"


def test_an_escaped_slash_is_read() -> None:
    packed = base64.b64encode(b"\xff\xff\xff\x3f")
    assert b"/" in packed
    assert vector_text(msgspec.Raw(b'"%b"' % packed.replace(b"/", rb"\/"))) == msgspec.Raw(b"[1.9999999]")


@pytest.mark.parametrize(
    "array", [b"[0.12345678901234567]", b"[1, -2.50e-3,\n3E+5 ]", b"[1e999]", b"[123456789012345678901234567890]"]
)
def test_an_array_passes_byte_for_byte(array: bytes) -> None:
    assert bytes(vector_text(msgspec.Raw(array))) == array


@pytest.mark.parametrize(
    ("embedding", "problem"),
    [
        (b"null", "[embedding] expected base64 string or float array"),
        (b"1.5", "[embedding] expected base64 string or float array"),
        (b"{}", "[embedding] expected base64 string or float array"),
        (b"[[1]]", "[embedding] expected base64 string or float array"),
        (b'["1"]', "[embedding] expected base64 string or float array"),
        (b"[true]", "[embedding] expected base64 string or float array"),
        (b"[null]", "[embedding] expected base64 string or float array"),
        (b"[]", "[embedding] is empty"),
        (b"[ ]", "[embedding] is empty"),
        (b'""', "[embedding] is empty"),
        (b'"AAAA"', "[embedding] base64-decoded length [3] is not a multiple of 4"),
        (b'"zczMPQ"', "[embedding] is not valid base64: Incorrect padding"),
        (b'"zczM PQ=="', "[embedding] is not valid base64: Only base64 data is allowed"),
        (b'"zczM-Q=="', "[embedding] is not valid base64: Only base64 data is allowed"),
        (b'"\xc3\xa9"', "[embedding] is not valid base64: Only base64 data is allowed"),
        (rb'"\u00e9"', "[embedding] is not valid base64: string argument should contain only ASCII characters"),
    ],
)
def test_anything_else_is_refused(embedding: bytes, problem: str) -> None:
    with pytest.raises(ValueError) as refused:
        vector_text(msgspec.Raw(embedding))
    assert str(refused.value) == problem


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_number_for_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="holds a value that is no finite number"):
        text_of([0.5, value])
