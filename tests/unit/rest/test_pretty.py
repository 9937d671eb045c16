"""JSON for people."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.rest.pretty import pretty

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("{}", "{ }\n"),
        ("[]", "[ ]\n"),
        ("1.50e-7", "1.50e-7\n"),
        ('"a{,:}\\"b"', '"a{,:}\\"b"\n'),
        ('{"a":1}', '{\n  "a" : 1\n}\n'),
        ('{"a":[{},[],[1,-2.0]],"b":null}',
         '{\n  "a" : [\n    { },\n    [ ],\n    [\n      1,\n      -2.0\n    ]\n  ],\n  "b" : null\n}\n'),
    ],
)  # fmt: skip
def test_the_form_is_jackson_s(raw: str, written: str) -> None:
    assert pretty(raw.encode()).decode() == written


@given(JSON)
def test_the_meaning_stays_and_so_does_every_token(document: object) -> None:
    raw = msgspec.json.encode(document)
    written = pretty(raw)
    assert msgspec.json.decode(written) == document
    assert pretty(raw) == written
    assert written.endswith(b"\n")
