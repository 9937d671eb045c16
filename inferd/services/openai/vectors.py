"""One embedding from the upstream's form to JSON text: base64 of float32 decoded, an array passed through unread."""

import base64
import binascii
import sys
from array import array

import msgspec

# What an array of JSON numbers consists of; msgspec has already seen that it is JSON.
_NUMBERS = b"0123456789+-.eE, \t\r\n"


def vector_text(embedding: msgspec.Raw) -> msgspec.Raw:
    """The vector as JSON text.

    ValueError for anything but a base64 string of little-endian float32 or an array of numbers.
    """
    raw = bytes(embedding)
    if raw.startswith(b'"'):
        return _from_base64(raw)
    if raw.translate(None, _NUMBERS) != b"[]":
        raise ValueError("[embedding] expected base64 string or float array")
    return msgspec.Raw(raw)


def _from_base64(raw: bytes) -> msgspec.Raw:
    try:
        packed = base64.b64decode(raw[1:-1].replace(b"\\/", b"/"), validate=True)
    except binascii.Error as problem:
        raise ValueError(f"[embedding] is not valid base64: {problem}") from None
    if len(packed) % 4:
        raise ValueError(f"[embedding] base64-decoded length [{len(packed)}] is not a multiple of 4")
    floats = array("f", packed)
    if sys.byteorder == "big":
        floats.byteswap()
    return msgspec.Raw(b"[%b]" % ",".join(_shortest(floats)).encode())


def _shortest(floats: "array[float]") -> list[str]:
    """The shortest decimals that read back as the same float32: seven digits mostly do not do, nine always do."""
    texts = [f"{number:.8g}" for number in floats]
    read_back = array("f", map(float, texts))
    for at, (number, again) in enumerate(zip(floats, read_back, strict=True)):
        if number != again:
            texts[at] = f"{number:.9g}"
        elif array("f", [float(shorter := f"{number:.7g}")])[0] == number:
            texts[at] = shorter
    return texts
