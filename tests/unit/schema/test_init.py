"""The package of documents holds nothing itself."""

import inferd.schema


def test_it_says_what_is_in_it() -> None:
    assert inferd.schema.__doc__ is not None
