"""Vectors on their way: arrays untouched, base64 as numbers, anything else refused."""

import base64
import struct
import threading

import msgspec
import pytest

from inferd import float32
from inferd.services.openai.vectors import must_load, vector_text


def text_of(floats: list[float]) -> bytes:
    return bytes(vector_text(msgspec.Raw(b'"%b"' % base64.b64encode(struct.pack(f"<{len(floats)}f", *floats)))))


def test_base64_becomes_numbers() -> None:
    assert text_of([0.1, -0.25, 1.0, -0.0, 0.034812577068805695]) == b"[0.1,-0.25,1.0,-0.0,0.034812577]"


def test_so_do_those_that_came_without_it() -> None:
    assert bytes(vector_text(struct.pack("<2f", 0.1, -0.25))) == b"[0.1,-0.25]"


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
        (b"[1, null]", "[embedding] expected base64 string or float array"),
        (b"[1, false]", "[embedding] expected base64 string or float array"),
        (b"[{}]", "[embedding] expected base64 string or float array"),
        (b'[{"embedding": 1}]', "[embedding] expected base64 string or float array"),
        (b"true", "[embedding] expected base64 string or float array"),
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


def test_what_json_has_no_number_for_is_refused() -> None:
    with pytest.raises(ValueError, match="holds a value that is no finite number"):
        text_of([0.5, float("nan")])


def test_the_first_base64_loads_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    array, packed = msgspec.Raw(b"[0.1]"), msgspec.Raw(b'"zczMPQ=="')
    monkeypatch.setattr(float32, "_loaded", threading.Event())
    vector_text(array)
    assert (must_load([]), must_load([array]), must_load([array, packed])) == (False, False, True)
    assert must_load([bytes(4)])
    vector_text(packed)
    assert not must_load([array, packed])
