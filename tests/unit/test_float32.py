"""float32 as text: the shortest decimals that read back as the same float32."""

import struct
import subprocess
import sys
from ctypes import c_float

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.float32 import is_loaded, mean, text

ANY = st.floats(width=32, allow_nan=False, allow_infinity=False)


def pack(floats: list[float]) -> bytes:
    return struct.pack(f"<{len(floats)}f", *floats)


def digits(number: float) -> int:
    """The significant digits to which it can be rounded and still reads back: nine are always enough."""
    return next(count for count in range(1, 10) if c_float(float(f"{number:.{count}g}")).value == number)


def digits_in(literal: str) -> int:
    mantissa = literal.lstrip("-").partition("e")[0]
    return len(mantissa.replace(".", "").strip("0")) or 1


def check(floats: list[float]) -> None:
    written = text(pack(floats))
    read = msgspec.json.decode(written, type=list[float])
    assert pack([c_float(number).value for number in read]) == pack(floats)
    literals = written.decode()[1:-1].split(",")
    # Shorter for some powers of two: their lower neighbour is nearer, so the decimal need not be the nearest.
    assert all(digits_in(literal) <= digits(number) for literal, number in zip(literals, floats, strict=True))


@given(st.lists(ANY, min_size=1))
def test_any_numbers_are_the_shortest_decimals_that_read_back(floats: list[float]) -> None:
    check(floats)


@given(st.integers(0, 254), st.integers(0, 2**23 - 1), st.booleans())
def test_so_are_those_of_every_magnitude(exponent: int, mantissa: int, negative: bool) -> None:
    check(list(struct.unpack("<f", struct.pack("<I", negative << 31 | exponent << 23 | mantissa))))


def test_so_are_powers_of_two_and_their_neighbours() -> None:
    powers = range(0, 255 << 23, 1 << 23)
    bits = [power + near for power in powers for near in (0, 1, 2**23 - 1)]
    check(list(struct.unpack(f"<{len(bits)}f", struct.pack(f"<{len(bits)}I", *bits))))


@pytest.mark.parametrize(
    ("floats", "written"),
    [
        ([0.1, -0.25, 1.0], b"[0.1,-0.25,1.0]"),
        ([0.0, -0.0], b"[0.0,-0.0]"),
        ([0.034812577068805695], b"[0.034812577]"),
        ([1e-5, 16777216.0, 3.4028234663852886e38, 1e-45], b"[0.00001,16777216.0,3.4028235e+38,1e-45]"),
    ],
)
def test_it_is_json(floats: list[float], written: bytes) -> None:
    assert text(pack(floats)) == written


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_number_for_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"^\[embedding\] holds a value that is no finite number$"):
        text(pack([0.5, value]))


def test_nothing_is_loaded_before_it_is_needed_nor_threads_are_ever_started() -> None:
    script = (
        "import os, sys; from inferd.float32 import is_loaded, text\n"
        "print(is_loaded(), 'numpy' in sys.modules)\n"
        "text(bytes(4))\n"
        "print(is_loaded(), len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False False", "True 1"]


def test_a_mean_is_rounded_after_each_step() -> None:
    third = c_float(c_float(c_float(0.1 + 0.7).value / 2 * 2 + 0.2).value / 3).value
    assert mean([[0.1], [0.7], [0.2]]) == text(pack([third]))
    assert mean([[1.0, 4.0], [2.0, 0.0], [6.0, 2.0]]) == b"[3.0,2.0]"
    assert is_loaded()


@pytest.mark.parametrize("vectors", [[[1e39], [0.0]], [[3e38], [3e38]]])
def test_a_mean_beyond_float32_is_refused(vectors: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="^holds a value that is no finite number$"):
        mean(vectors)
