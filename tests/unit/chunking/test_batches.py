"""Batches: how passages are packed, and what becomes of their vectors."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from inferd.chunking.batches import Batches, byte_mean, floats, mean, result_of
from inferd.chunking.chunk import Chunk, Passage, Passages, Span
from inferd.chunking.passages import chunk
from inferd.errors import Failure, StatusFailure
from tests.unit.chunking.vectors import settings_of, text_of, vectors


@vectors("batch")
def test_batch_vector(vector: dict[str, Any]) -> None:
    texts = [text_of(part) for part in vector["generator"]["inputs"]]
    cut = [chunk(text, settings_of(vector["settings"])) for text in texts]
    batches = Batches(texts, cut, vector["max_inputs_per_request"])
    expected = vector["expected"]
    packed = list(batches)
    assert [len(batch) for batch in packed] == expected["request_sizes"]
    assert len(batches) == len(packed)
    if "first_texts" in expected:
        assert [batch[0] for batch in packed] == expected["first_texts"]
    if "input_and_chunk_index" in expected:
        places = [[cut[i][j].text for i, j in batch] for batch in expected["input_and_chunk_index"]]
        assert packed == places


@vectors("merge")
def test_merge_vector(vector: dict[str, Any]) -> None:
    generator, expected = vector["generator"], vector["expected"]
    if "chunks" in generator:
        number = generator["chunks"]
        targets = [result_of(index, number) for index in range(number)]
        assert sorted(set(targets)) == list(range(expected["result_chunks"]))
        assert [target for target in set(targets) if targets.count(target) == 2] == expected["targets_with_two_chunks"]
    elif "embeddings" in generator:
        assert floats(mean(generator["embeddings"])) == expected["merged"]
        assert len(generator["embeddings"]) == expected["merged_from"]
    else:
        first, last = generator["embeddings_range"]
        embeddings = [[value] for value in range(first, last + 1)]
        assert byte_mean(embeddings) == expected["merged"]
        assert len(embeddings) == expected["merged_from"]


def letters(text: str) -> list[Chunk]:
    """One passage a character."""
    return [Chunk(at, at + 1, text[at]) for at in range(len(text))] or [Chunk(0, 0, "")]


def raw(number: float) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode([number]))


def embeddings_in(result: Passages | Failure) -> Sequence[object]:
    assert isinstance(result, Passages)
    return [passage.embedding for passage in result.chunks]


def test_vectors_go_back_where_their_texts_came_from() -> None:
    batches = Batches(["ab", "", "c"], [letters("ab"), letters(""), letters("c")], 3)
    assert list(batches) == [["a", "b", ""], ["c"]]
    batches.accept(1, [[4.0]])
    batches.accept(0, [raw(1), msgspec.Raw(b"[2.000]"), raw(3)])
    assert batches.results() == [
        Passages([Passage("a", Span(0, 1), raw(1)), Passage("b", Span(1, 2), msgspec.Raw(b"[2.000]"))]),
        Passages([Passage("", Span(0, 0), raw(3))]),
        Passages([Passage("c", Span(0, 1), [4.0])]),
    ]


def test_a_failed_batch_fails_its_own_inputs_only() -> None:
    texts = ["ab", "cd", "e"]
    batches = Batches(texts, [letters(text) for text in texts], 3)
    failure = StatusFailure("no", 502)
    batches.refuse(0, failure)
    batches.accept(1, [raw(1), raw(2)])
    first, second, third = batches.results()
    assert first is failure and second is failure
    assert embeddings_in(third) == [raw(2)]


@pytest.mark.parametrize("number", [1, 3])
def test_a_wrong_number_of_vectors_is_a_failure(number: int) -> None:
    batches = Batches(["ab"], [letters("ab")])
    batches.accept(0, [raw(1)] * number)
    (failure,) = batches.results()
    assert isinstance(failure, StatusFailure) and failure.status == 500
    assert failure.reason == (
        f"Error the number of embedding responses [{number}] does not equal the number of requests [2]"
    )


def test_results_before_all_batches_are_answered() -> None:
    batches = Batches(["a"], [letters("a")])
    with pytest.raises(LookupError, match="neither accepted nor refused"):
        batches.results()


def test_no_inputs_no_batches() -> None:
    batches = Batches([], [])
    assert (len(batches), list(batches), batches.results()) == (0, [], [])


def test_more_passages_than_results_are_merged() -> None:
    text = "😀" + "x" * 10_000
    passages = [Chunk(0, 2, "😀"), *(Chunk(at, at + 1, "x") for at in range(2, 10_001))]
    batches = Batches(["s", text], [letters("s"), passages], 5)
    assert len(batches) == 2_001
    for number, batch in enumerate(batches):
        batches.accept(number, [raw(number * 5 + at) for at in range(len(batch))])
    result = batches.results()[1]
    assert isinstance(result, Passages) and len(result.chunks) == 512
    first, last = result.chunks[0], result.chunks[-1]
    # Passages 0 to 19 of 10,000 make result 0; the vector of passage i is i + 1 here.
    assert (first.text, first.text_offset) == ("😀" + "x" * 19, Span(0, 21))
    assert first.embedding == msgspec.Raw(b"[10.5]")
    assert last.text_offset.end == 10_001
    assert {len(passage.text) for passage in result.chunks} == {19, 20}


def test_a_result_of_one_passage_keeps_its_bytes() -> None:
    text = "x" * 513
    batches = Batches([text], [letters(text)])
    batches.accept(0, [msgspec.Raw(b"[1.0, 2.50]")] * 513)
    merged, *alone = embeddings_in(batches.results()[0])
    assert merged == msgspec.Raw(b"[1.0,2.5]")
    assert alone == [msgspec.Raw(b"[1.0, 2.50]")] * 511


def test_what_is_no_vector_cannot_be_merged() -> None:
    assert floats([1.5]) == [1.5]
    assert floats(msgspec.Raw(b"[1, 2.5]")) == [1.0, 2.5]
    with pytest.raises(StatusFailure, match="not a list of numbers"):
        floats(msgspec.Raw(b'"AACAPw=="'))
    with pytest.raises(StatusFailure, match="different numbers of dimensions"):
        mean([[1.0], [1.0, 2.0]])
    with pytest.raises(StatusFailure, match="The mean of the embeddings of one input holds a value that is no finite"):
        mean([[1e39], [1.0]])


@pytest.mark.parametrize(("column", "expected"), [([1, 2], 2), ([-1, -2], -1), ([-3, -4, -4], -4), ([5], 5)])
def test_halves_of_bytes_are_rounded_up(column: list[int], expected: int) -> None:
    assert byte_mean([[value] for value in column]) == [expected]
