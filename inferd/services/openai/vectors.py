"""One embedding from the upstream's form to JSON text: base64 of float32 decoded, an array passed through unread."""

import binascii
import re
from collections.abc import Iterable

import msgspec

from inferd import float32

# A string, an object, true or null, false: what an array holds besides numbers has one of these, or another bracket.
# msgspec has already seen that it is JSON.
_NO_NUMBERS = (b'"', b"{", b"u", b"s")

_EMPTY = re.compile(rb"\[\s*+\]")

_BASE64 = msgspec.json.Decoder(bytes)


def must_load(embeddings: Iterable[bytes | msgspec.Raw]) -> bool:
    """Whether the texts of ``embeddings`` take libraries that are not loaded yet: too long a time for a loop."""
    return not float32.is_loaded() and not all(map(_is_array, embeddings))


def vector_text(embedding: bytes | msgspec.Raw) -> msgspec.Raw:
    """The vector as JSON text; ``embedding`` is little-endian float32, or the JSON of an embedding.

    ValueError for JSON that is neither such float32 in a base64 string nor an array of numbers, and where one of them
    is missing, infinite or no number.
    """
    if isinstance(embedding, msgspec.Raw):
        raw = bytes(embedding)
        if not raw.startswith(b'"'):
            _check_array(raw)
            return embedding
        embedding = _unpacked(raw)
    if len(embedding) % 4:
        raise ValueError(f"[embedding] base64-decoded length [{len(embedding)}] is not a multiple of 4")
    if not embedding:
        raise ValueError("[embedding] is empty")
    return msgspec.Raw(float32.text(embedding))


def _is_array(embedding: bytes | msgspec.Raw) -> bool:
    return isinstance(embedding, msgspec.Raw) and memoryview(embedding)[0] != ord('"')


def _check_array(raw: bytes) -> None:
    if not raw.startswith(b"[") or raw.find(b"[", 1) > 0 or any(mark in raw for mark in _NO_NUMBERS):
        raise ValueError("[embedding] expected base64 string or float array")
    if _EMPTY.fullmatch(raw):
        raise ValueError("[embedding] is empty")


def _unpacked(raw: bytes) -> bytes:
    try:
        return _BASE64.decode(raw)
    except ValueError:
        return _told_base64(raw)


def _told_base64(raw: bytes) -> bytes:
    """The same by a decoder that is slower, tells what is wrong, and may take what has more padding than it needs."""
    # Some servers escape what need not be: .NET writes a plus sign as \u002B, PHP a slash as \/.
    encoded = msgspec.json.decode(raw, type=str) if b"\\" in raw else memoryview(raw)[1:-1]
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as problem:
        raise ValueError(f"[embedding] is not valid base64: {problem}") from None
