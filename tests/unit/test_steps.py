"""Megabytes in steps are the same bytes as in one go."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd import steps
from inferd.steps import LONG, joined, list_parts, text_as_json


def test_parts_are_joined_as_they_are() -> None:
    long = bytes(range(256)) * (LONG // 100)
    assert joined([]) == b""
    assert joined([b"a", msgspec.Raw(long), b"", long]) == b"a" + long + long


@given(text=st.text(max_size=40), step=st.integers(1, 5))
@settings(derandomize=True, deadline=None)
def test_a_text_is_the_same_json_whatever_the_steps(text: str, step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_STEP", step)
        assert text_as_json(text) == msgspec.json.encode(text)


@pytest.mark.parametrize(
    ("items", "expected"), [([], b"[]"), ([b"1"], b"[1]"), ([b"1", msgspec.Raw(b'"a"'), b"[]"], b'[1,"a",[]]')]
)
def test_a_list_of_json(items: list[bytes | msgspec.Raw], expected: bytes) -> None:
    assert joined(list_parts(items)) == expected


def test_what_stands_around_each_of_them() -> None:
    assert joined(list_parts([b"1", b"2"], b'{"a":', b"}")) == b'[{"a":1},{"a":2}]'
