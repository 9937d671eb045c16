"""Ids that may be made."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import RequestInvalid
from inferd.rest.inference_id import check


@given(st.from_regex(r"[a-z0-9]([a-z0-9_.-]{0,300}[a-z0-9])?", fullmatch=True))
def test_ids_that_may_be(name: str) -> None:
    check(name)


@given(st.text())
def test_ids_that_must_not_be(name: str) -> None:
    if re.fullmatch(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?", name) is None:
        with pytest.raises(RequestInvalid):
            check(name)


def test_all_is_the_name_of_all() -> None:
    with pytest.raises(RequestInvalid) as raised:
        check("_all")
    assert raised.value.reason == (
        "Validation Failed: 1: Invalid inference_id; '_all' can contain lowercase alphanumeric (a-z and 0-9), "
        "hyphens or underscores; must start and end with alphanumeric;"
    )
