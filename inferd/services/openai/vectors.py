"""One embedding from the upstream's form to JSON text: base64 of float32 decoded, an array passed through unread.

A float32 is written as the shortest decimal that reads back as the same float32, as Java's Float.toString does since
JDK 19. msgspec writes doubles in their shortest form, so it is enough to find the double nearest to that decimal, and
for nearly all numbers this takes two tries. Let ``ulp`` be the distance to the next float32, and k the number with
10^-k <= ulp < 10^-(k-1). Whatever lies within half an ulp reads back. At most one multiple of 10^-(k-1) does, and if
there is one it is the shortest, for every shorter decimal is a multiple of it too; if not, the nearest multiple of
10^-k is close enough.
"""

import base64
import math
import struct
from collections.abc import Sequence

import msgspec

# What an array of JSON numbers consists of; msgspec has already seen that it is JSON.
_NUMBERS = b"0123456789+-.eE, \t\r\n"

# Added to a double below 2^51 and taken away again, it rounds it to the nearest whole number.
_TO_WHOLE = 1.5 * 2.0**52

# Digits that always tell two float32 apart (IEEE 754: 1 + ceil(24 log10 2)).
_ENOUGH = 9

_INFINITE = 0xFF
_ENCODER = msgspec.json.Encoder()


def vector_text(embedding: msgspec.Raw) -> msgspec.Raw:
    """The vector as JSON text.

    ValueError for anything but a base64 string of little-endian float32 or an array of numbers, not one of them
    missing, infinite or no number.
    """
    raw = bytes(embedding)
    if raw.startswith(b'"'):
        return _from_base64(raw)
    if raw.translate(None, _NUMBERS) != b"[]":
        raise ValueError("[embedding] expected base64 string or float array")
    if not raw[1:-1].strip():
        raise ValueError("[embedding] is empty")
    return msgspec.Raw(raw)


def shortest(packed: bytes) -> list[float]:
    """For each little-endian float32 in ``packed`` the double whose shortest decimal is the float32's shortest.

    ValueError for an infinite one and for one that is no number.
    """
    layout = struct.Struct(f"<{len(packed) // 4}f")
    numbers, exponents = layout.unpack(packed), _exponents(packed)
    if _INFINITE in exponents:
        raise ValueError("[embedding] holds a value that is no finite number")
    whole = _TO_WHOLE
    found = [
        near if -half < (near := (number * coarse + whole - whole) / coarse) - number < half
        else (number * fine + whole - whole) / fine
        for number, (coarse, fine, half) in zip(numbers, map(_TRIES.__getitem__, exponents), strict=True)
    ]  # fmt: skip
    if layout.pack(*found) != packed:
        _mend(found, numbers)
    return found


def _from_base64(raw: bytes) -> msgspec.Raw:
    # Some servers escape what need not be: .NET writes a plus sign as \u002B, PHP a slash as \/.
    text = msgspec.json.decode(raw, type=str) if b"\\" in raw else raw[1:-1]
    try:
        packed = base64.b64decode(text, validate=True)
    except ValueError as problem:
        raise ValueError(f"[embedding] is not valid base64: {problem}") from None
    if len(packed) % 4:
        raise ValueError(f"[embedding] base64-decoded length [{len(packed)}] is not a multiple of 4")
    if not packed:
        raise ValueError("[embedding] is empty")
    return msgspec.Raw(_ENCODER.encode(shortest(packed)))


def _exponents(packed: bytes) -> bytes:
    """The biased exponent of each number: shifted by one bit, all of them at once, it is the topmost of four bytes."""
    return (int.from_bytes(packed, "little") << 1).to_bytes(len(packed) + 1, "little")[3::4]


def _mend(found: list[float], numbers: Sequence[float]) -> None:
    """Does by trial what the two tries miss.

    Those are powers of two, whose lower neighbour is nearer than the upper one, the minus zero, and magnitudes no
    embedding has.
    """
    for at, number in enumerate(numbers):
        bits = _bits(number)
        if _bits(found[at]) != bits:
            candidates = (float(f"{number:.{digits}g}") for digits in range(1, _ENOUGH + 1))
            found[at] = next(candidate for candidate in candidates if _bits(candidate) == bits)


def _bits(number: float) -> bytes:
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return b""  # Rounded up beyond the largest float32.


def _tries(exponent: int) -> tuple[float, float, float]:
    """For numbers with the biased ``exponent``: 10^(k-1), 10^k, half an ulp.

    Not a number where one of the powers is no whole number or no exact double, so that what comes of it is mended;
    of the numbers with the exponent 0 the only one that counts is 0.
    """
    if exponent == 0:
        return 1.0, 1.0, 0.0
    ulp = 2.0 ** (exponent - 127 - 23)
    k = math.ceil(-math.log10(ulp))
    if not 1 <= k <= 22:
        return math.nan, math.nan, 0.0
    return 10.0 ** (k - 1), 10.0**k, ulp / 2


_TRIES = [_tries(exponent) for exponent in range(256)]
