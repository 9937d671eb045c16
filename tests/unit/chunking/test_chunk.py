"""Chunks: the exact slice, and the JSON of an answer."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.chunking.chunk import Chunk, Passage, Passages, Span, as_json, encoded, shown, slices


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("hello", [(0, 2), (1, 5)], ["he", "ello"]),
        ("héllö今", [(0, 2), (4, 6)], ["hé", "ö今"]),
        ("a😀b", [(0, 1), (1, 3), (3, 4)], ["a", "😀", "b"]),
        ("\ud800a😀", [(0, 2), (2, 4)], ["\ud800a", "😀"]),
        ("", [(0, 0)], [""]),
    ],
)
def test_slices_count_in_utf_16(text: str, spans: list[tuple[int, int]], expected: list[str]) -> None:
    assert slices(text, spans) == [Chunk(*span, piece) for span, piece in zip(spans, expected, strict=True)]


@given(st.text(st.characters(exclude_categories=())), st.sampled_from(["utf-8", "utf-16-le"]))
@settings(derandomize=True, deadline=None)
def test_encoded_lets_everything_through(text: str, encoding: str) -> None:
    assert encoded(text, encoding).decode(encoding, "surrogatepass").encode(encoding, "surrogatepass") == (
        text.encode(encoding, "surrogatepass")
    )


def test_encoded_goes_by_blocks() -> None:
    assert encoded("a😀" * 250_000, "utf-8") == ("a😀" * 250_000).encode()


def test_an_answer_without_embeddings() -> None:
    assert as_json(shown([Chunk(0, 1, "a"), Chunk(1, 2, "b")])) == msgspec.Raw(
        b'{"chunks":[{"text":"a","text_offset":{"start":0,"end":1}},{"text":"b","text_offset":{"start":1,"end":2}}]}'
    )
    assert as_json(shown([])) == msgspec.Raw(b'{"chunks":[]}')


@pytest.mark.parametrize("embedding", [msgspec.UNSET, msgspec.Raw(b"[1.50]")])
def test_a_long_text_is_the_same_json(embedding: msgspec.Raw | msgspec.UnsetType) -> None:
    passages = Passages([Passage("\"é😀\n" * 70_000, Span(0, 350_000), embedding), Passage("b", Span(1, 2), embedding)])
    assert bytes(as_json(passages)) == msgspec.json.encode(passages)


def test_an_embedding_stands_last_and_as_it_came() -> None:
    passage = Passage("a", Span(0, 1), msgspec.Raw(b"[1.50, 2e-3]"))
    assert msgspec.json.encode(passage) == b'{"text":"a","text_offset":{"start":0,"end":1},"embedding":[1.50, 2e-3]}'
    assert shown([]) == Passages([])
