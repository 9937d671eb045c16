"""Megabytes written in steps of about a millisecond, so that other threads have their turn between two of them."""

from collections.abc import Iterable
from io import BytesIO

import msgspec

# Bytes or characters that take about a millisecond to read or write.
LONG = 256 * 1024

# Characters of texts that are encoded together.
_STEP = LONG

_ENCODER = msgspec.json.Encoder()


def joined(parts: Iterable[bytes | msgspec.Raw]) -> bytes:
    """The bytes of ``parts``, one after the other."""
    parts = list(parts)
    # Not b"".join: for a long answer the system finds the memory page by page, and that alone takes ten milliseconds.
    # Zeros are not there until they are written over, and what need not grow is not copied in one go as it grows.
    whole = BytesIO(bytes(sum(map(len, parts))))
    for part in parts:
        view = memoryview(part)
        for at in range(0, len(view), LONG):
            whole.write(view[at : at + LONG])
    return whole.getvalue()


def text_as_json(text: str) -> bytes:
    """``text`` as a JSON string."""
    if len(text) <= _STEP:
        return _ENCODER.encode(text)
    pieces = [_ENCODER.encode(text[at : at + _STEP])[1:-1] for at in range(0, len(text), _STEP)]
    return joined([b'"', *pieces, b'"'])


def list_parts(
    items: Iterable[bytes | msgspec.Raw], before: bytes = b"", after: bytes = b""
) -> list[bytes | msgspec.Raw]:
    """What is ``joined`` to the JSON list of ``items``, with what stands ``before`` and ``after`` each of them."""
    parts: list[bytes | msgspec.Raw] = []
    for item in items:
        parts += (b",", before, item, after)
    return [b"[", *parts[1:], b"]"]
