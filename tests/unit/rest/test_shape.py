"""Bodies of a fixed shape."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import Failure, IllegalArgument, MalformedContent, TruncatedContent
from inferd.rest.shape import decode, unknown_field


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0


class Body(msgspec.Struct, forbid_unknown_fields=True):
    first: str
    second: list[Inner] | None = None
    third: dict[str, Any] = {}


DECODER = msgspec.json.Decoder(Body)


def refusal(raw: bytes) -> Failure:
    with pytest.raises(Failure) as raised:
        decode(raw, DECODER, "P")
    return raised.value


def test_what_fits_is_decoded() -> None:
    assert decode(b'{"first":"x","second":[{"name":"y"}]}', DECODER, "P") == Body("x", [Inner("y")])


@pytest.mark.parametrize(
    ("raw", "kind", "reason"),
    [
        (b"{}", IllegalArgument, "Required [first]"),
        (b"[]", MalformedContent, "[1:1] [P] Expected START_OBJECT but was: START_ARRAY"),
        (b'\n "a"', MalformedContent, "[2:2] [P] Expected START_OBJECT but was: VALUE_STRING"),
        (b"null", MalformedContent, "[1:1] [P] Expected START_OBJECT but was: VALUE_NULL"),
        (b"1", MalformedContent, "[1:1] [P] Expected START_OBJECT but was: VALUE_NUMBER"),
        (b"1.5", MalformedContent, "[1:1] [P] Expected START_OBJECT but was: VALUE_NUMBER"),
        (b"true", MalformedContent, "[1:1] [P] Expected START_OBJECT but was: VALUE_BOOLEAN"),
        (b'{"first":1}', MalformedContent, "[1:10] [P] first doesn't support values of type: VALUE_NUMBER"),
        (b'{"first":null}', MalformedContent, "[1:10] [P] first doesn't support values of type: VALUE_NULL"),
        (b'{"first":"x","second":{}}', MalformedContent,
         "[1:23] [P] second doesn't support values of type: START_OBJECT"),
        (b'{"first":"x","second":[{"name":2}]}', MalformedContent, "[1:32] [P] failed to parse field [second]"),
        (b'{"first":"x","second":[{}]}', MalformedContent, "[1:24] [P] failed to parse field [second]"),
        (b'{"first":"x","second":[{"name":"y","z":{}}]}', MalformedContent,
         "[1:40] [P] failed to parse field [second]"),
        (b'{"first":"x","frist":1}', MalformedContent, "[1:14] [P] unknown field [frist] did you mean [first]?"),
        (b'{"first":"x","?\\n`":1}', MalformedContent, "[1:14] [P] unknown field [?\n`]"),
        (b'{"first":"x","first":"y"}', MalformedContent, "[1:14] Duplicate field 'first'"),
        (b'{"first":1,"first":2}', MalformedContent, "[1:12] Duplicate field 'first'"),
        (b'{"first":', TruncatedContent, "[1:10] Unexpected end-of-input"),
        (b"[", TruncatedContent, "[1:2] Unexpected end-of-input"),
        (b'{"first":1} x', MalformedContent, "[1:13] Trailing characters"),
        (b'{"first":1,"third":' + b"[" * 100_000, MalformedContent,
         "[1:119] Document nesting depth (101) exceeds the maximum allowed (100)"),
        (b'{"first":"x","third":{"a":1e999}}', MalformedContent, "[1:27] Number out of range"),
        (b"1e999", MalformedContent, "[1:1] Number out of range"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_place(raw: bytes, kind: type[Failure], reason: str) -> None:
    failure = refusal(raw)
    assert (type(failure), failure.reason) == (kind, reason)


def test_a_field_may_be_unknown_for_reasons_of_its_own() -> None:
    assert unknown_field(b'{\n"x":1}', "x", "P", ()).reason == "[2:1] [P] unknown field [x]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["first", "second", "third", "name", "size"]) | st.text(max_size=4), inner),
    max_leaves=8,
)


@given(JSON.map(msgspec.json.encode) | st.binary(max_size=30))
def test_anything_at_all_is_decoded_or_told(raw: bytes) -> None:
    try:
        decode(raw, DECODER, "P")
    except (MalformedContent, TruncatedContent, IllegalArgument) as failure:
        assert failure.status == 400
