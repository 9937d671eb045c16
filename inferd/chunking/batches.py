"""Passages of many inputs packed into upstream requests, and their vectors put back (EmbeddingRequestChunker).

All passages form one list, input after input, cut into batches. An input has at most 512 results: of more passages
all are sent, and neighbours share a result, whose vector is their mean.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from inferd import float32
from inferd.chunking.chunk import Chunk, Embedding, Passage, Passages, Span, slices
from inferd.errors import Failure, StatusFailure

MOST_INPUTS = 2048  # what OpenAI takes in one request
MOST_RESULTS = 512  # what Elasticsearch keeps of one input


class Batches:
    """The upstream requests for some inputs; iterate for the texts of each, then hand back what came.

    Every batch must be answered once, by ``accept`` or ``refuse`` and in any order, before ``results`` is called.
    ``texts`` are the whole inputs and ``chunks`` what each was cut into, at least one passage an input.
    """

    def __init__(self, texts: Sequence[str], chunks: Sequence[Sequence[Chunk]], most: int = MOST_INPUTS) -> None:
        self._texts = texts
        self._chunks = chunks
        self._most = most
        self._passages = [chunk.text for chunk in chain.from_iterable(chunks)]
        self._embeddings: list[Embedding | Failure | None] = [None] * len(self._passages)

    def __len__(self) -> int:
        return -(-len(self._passages) // self._most)

    def __iter__(self) -> Iterator[list[str]]:
        for first in range(0, len(self._passages), self._most):
            yield self._passages[first : first + self._most]

    def accept(self, number: int, embeddings: Sequence[Embedding]) -> None:
        """Takes the vectors of batch ``number``, counted from 0, in the order of its texts.

        A Raw one, the JSON as it came, leaves byte for byte where it is not merged. A wrong number of vectors is a
        failure of the inputs in the batch.
        """
        place = self._place(number)
        expected = place.stop - place.start
        if len(embeddings) == expected:
            self._embeddings[place] = embeddings
        else:
            self.refuse(
                number,
                StatusFailure(
                    f"Error the number of embedding responses [{len(embeddings)}] does not equal "
                    f"the number of requests [{expected}]",
                    500,
                ),
            )

    def refuse(self, number: int, failure: Failure) -> None:
        """Batch ``number`` failed: so did each input with a passage in it, and no other."""
        place = self._place(number)
        self._embeddings[place] = [failure] * (place.stop - place.start)

    def results(self) -> list[Passages | Failure]:
        """What became of each input, once: its passages with their vectors, or the first failure among its batches.

        Nothing of them is kept here.
        """
        results: list[Passages | Failure] = []
        first = 0
        for text, chunks in zip(self._texts, self._chunks, strict=True):
            results.append(_result(text, chunks, self._embeddings[first : first + len(chunks)]))
            first += len(chunks)
        self._texts, self._chunks, self._passages, self._embeddings = (), (), [], []
        return results

    def _place(self, number: int) -> slice:
        first = number * self._most
        return slice(first, min(first + self._most, len(self._passages)))


def _result(
    text: str, chunks: Sequence[Chunk], embeddings: Sequence[Embedding | Failure | None]
) -> Passages | Failure:
    vectors: list[Embedding] = []
    for embedding in embeddings:
        if embedding is None:
            raise LookupError("a batch was neither accepted nor refused")
        if isinstance(embedding, Failure):
            return embedding
        vectors.append(embedding)
    if len(chunks) > MOST_RESULTS:
        chunks, vectors = _merged(text, chunks, vectors)
    shown = zip(chunks, vectors, strict=True)
    return Passages([Passage(chunk.text, Span(chunk.start, chunk.end), vector) for chunk, vector in shown])


def _merged(
    text: str, chunks: Sequence[Chunk], vectors: Sequence[Embedding]
) -> tuple[list[Chunk], list[Embedding]]:
    groups: list[list[int]] = [[] for _ in range(MOST_RESULTS)]
    for index in range(len(chunks)):
        groups[result_of(index, len(chunks))].append(index)
    spans = [(chunks[group[0]].start, chunks[group[-1]].end) for group in groups]
    merged: list[Embedding] = [
        vectors[group[0]] if len(group) == 1 else mean([floats(vectors[index]) for index in group]) for group in groups
    ]
    return slices(text, spans), merged


def result_of(index: int, number: int) -> int:
    """Which of the at most 512 results the passage ``index`` of ``number`` goes into."""
    return index if number <= MOST_RESULTS else index * MOST_RESULTS // number


def mean(vectors: Sequence[Sequence[float]]) -> msgspec.Raw:
    """The mean of ``vectors`` (see ``float32.mean``); StatusFailure 502 if there is none."""
    if len({len(vector) for vector in vectors}) > 1:
        raise StatusFailure("The embeddings of one input have different numbers of dimensions", 502)
    try:
        return msgspec.Raw(float32.mean(vectors))
    except ValueError as problem:
        raise StatusFailure(f"The mean of the embeddings of one input {problem}", 502) from None


def byte_mean(vectors: Sequence[Sequence[int]]) -> list[int]:
    """The mean of byte ``vectors``, halves rounded up as Java's Math.round does (DenseEmbeddingByteResults)."""
    number = len(vectors)
    return [(2 * sum(column) + number) // (2 * number) for column in zip(*vectors, strict=True)]


def floats(embedding: Embedding) -> list[float]:
    """The numbers of ``embedding``; StatusFailure 502 if its JSON is no list of numbers."""
    if isinstance(embedding, list):
        return embedding
    try:
        return msgspec.json.decode(embedding, type=list[float])
    except msgspec.DecodeError:
        raise StatusFailure("An embedding of the upstream is not a list of numbers", 502) from None
