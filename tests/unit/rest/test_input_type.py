"""``input_type``."""

import pytest

from inferd.errors import MalformedContent
from inferd.rest.input_type import parse


@pytest.mark.parametrize("word", ["ingest", " SEARCH", "Classification", "clustering", "unspecified"])
def test_names_are_trimmed_and_of_any_case(word: str) -> None:
    assert parse(b"{}", word, "P") == word.strip().lower()


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("foo", "No enum constant org.elasticsearch.inference.InputType.FOO"),
        ("Internal_Search", "Unrecognized input_type [internal_search]"),
    ],
)
def test_other_words_are_told_with_their_place(word: str, cause: str) -> None:
    with pytest.raises(MalformedContent, match=r"^\[1:15\] \[P\] failed to parse field \[input_type\]$") as raised:
        parse(b'{"input_type":"foo"}', word, "P")
    assert raised.value.cause is not None and raised.value.cause.reason == cause
