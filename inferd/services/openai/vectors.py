"""One embedding from the upstream's form to JSON text: base64 of float32 decoded, an array passed through unread."""

import binascii
from collections.abc import Iterable

import msgspec

from inferd import float32

# A string, an object, true or null, false: what an array holds besides numbers has one of these, or another bracket.
# msgspec has already seen that it is JSON.
_NO_NUMBERS = (b'"', b"{", b"u", b"s")

_BASE64 = msgspec.json.Decoder(bytes)


def must_load(embeddings: Iterable[msgspec.Raw]) -> bool:
    """Whether the texts of ``embeddings`` take libraries that are not loaded yet: too long a time for a loop."""
    return not float32.is_loaded() and any(memoryview(embedding)[0] == ord('"') for embedding in embeddings)


def vector_text(embedding: msgspec.Raw) -> msgspec.Raw:
    """The vector as JSON text.

    ValueError for anything but a base64 string of little-endian float32 or an array of numbers, not one of them
    missing, infinite or no number.
    """
    raw = bytes(embedding)
    if raw.startswith(b'"'):
        return _from_base64(raw)
    if not raw.startswith(b"[") or raw.find(b"[", 1) > 0 or any(mark in raw for mark in _NO_NUMBERS):
        raise ValueError("[embedding] expected base64 string or float array")
    if not raw[1:-1].strip():
        raise ValueError("[embedding] is empty")
    return embedding


def _from_base64(raw: bytes) -> msgspec.Raw:
    try:
        packed = _BASE64.decode(raw)
    except ValueError:
        packed = _told_base64(raw)
    if len(packed) % 4:
        raise ValueError(f"[embedding] base64-decoded length [{len(packed)}] is not a multiple of 4")
    if not packed:
        raise ValueError("[embedding] is empty")
    return msgspec.Raw(float32.text(packed))


def _told_base64(raw: bytes) -> bytes:
    """The same by a decoder that is slower, tells what is wrong, and may take what has more padding than it needs."""
    # Some servers escape what need not be: .NET writes a plus sign as \u002B, PHP a slash as \/.
    encoded = msgspec.json.decode(raw, type=str) if b"\\" in raw else memoryview(raw)[1:-1]
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as problem:
        raise ValueError(f"[embedding] is not valid base64: {problem}") from None
