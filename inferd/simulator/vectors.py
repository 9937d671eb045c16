"""Texts as unit vectors: texts that share words, or parts of words, point in near directions."""

import re
import struct
from functools import lru_cache
from hashlib import shake_128
from math import sqrt
from operator import mul
from zlib import crc32

MAX_DIMENSIONS = 8192

_LANE = 4
_OFFSETS = 1 << 16
_WORD = re.compile(r"\w+")


def _pool() -> bytes:
    """Random bytes, each in a lane of four: lanes can be summed sixteen million times before one overflows.

    A feature is a window of the pool. Windows at different offsets are as good as independent, so no feature
    needs random numbers of its own, and a sum of windows is one addition of two long integers.
    """
    lanes = bytearray(_LANE * (_OFFSETS + MAX_DIMENSIONS))
    lanes[::_LANE] = shake_128(b"inferd simulator").digest(_OFFSETS + MAX_DIMENSIONS)
    return bytes(lanes)


_POOL = _pool()


def _feature(name: str, dimensions: int) -> int:
    start = _LANE * (crc32(name.encode()) % _OFFSETS)
    return int.from_bytes(_POOL[start : start + _LANE * dimensions], "little")


@lru_cache(maxsize=1024)
def _word(word: str, dimensions: int) -> tuple[int, int]:
    """The sum of a word's features and how many they are.

    The three-letter parts bring "embedding" near "embeddings", and give long words more weight than short ones.
    """
    parts = [f"<{word}>"[start : start + 3] for start in range(len(word))]
    return 2 * _feature(word, dimensions) + sum(_feature(part, dimensions) for part in parts), 2 + len(parts)


@lru_cache(maxsize=256)
def embed(text: str, dimensions: int) -> bytes:
    """The unit vector of ``text``: ``dimensions`` (1 to MAX_DIMENSIONS) little-endian 32-bit floats.

    Fewer dimensions give the beginning of the longer vector, scaled to length one, as OpenAI's models do.
    """
    total = count = 0
    for word in _WORD.findall(text.casefold()):
        word_total, word_count = _word(word[:64], dimensions)
        total += word_total
        count += word_count
    # The text as a whole tells "a b" from "b a". Its weight makes the count odd, so that no lane can be
    # centred to nought and no vector is without a direction.
    weight = 1 + count % 2
    total += weight * _feature(f" {text}", dimensions)
    return _unit(total, count + weight, dimensions)


def _unit(total: int, count: int, dimensions: int) -> bytes:
    sums = struct.unpack(f"<{dimensions}I", total.to_bytes(_LANE * dimensions, "little"))
    centre = 255 * count
    centred = [2 * lane - centre for lane in sums]
    scale = 1.0 / sqrt(sum(map(mul, centred, centred)))
    return struct.pack(f"<{dimensions}f", *[scale * lane for lane in centred])


def floats(vector: bytes) -> tuple[float, ...]:
    """The same values as numbers, exactly."""
    return struct.unpack(f"<{len(vector) // 4}f", vector)
