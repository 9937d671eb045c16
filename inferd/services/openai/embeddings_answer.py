"""The upstream's answer to a request for embeddings: which embedding belongs to which text."""

import re
from random import getrandbits
from typing import Any, Generic, TypeVar

import msgspec

_EMBEDDING = re.compile(rb'"embedding"\s*:\s*(?=["\[])')

Form_co = TypeVar("Form_co", covariant=True)


class _Item(msgspec.Struct, Generic[Form_co], frozen=True):
    embedding: Form_co
    index: int | None = None


class Answer(msgspec.Struct, Generic[Form_co], frozen=True):
    """What counts of the answer; the items are in the order they came in.

    The form of an embedding is ``bytes`` where it was base64, which is already decoded, and ``msgspec.Raw``
    where it may be anything.
    """

    data: list[_Item[Form_co]]
    usage: Any = None

    def embeddings(self, expected: int) -> list[Form_co]:
        """The embeddings in the order of the texts; ValueError unless there is one for each.

        By ``index`` where the upstream gives it: array order alone would let a shuffled answer corrupt an index.
        """
        items = self.data
        if [item.index for item in items] != list(range(expected)):
            items = self._ordered(expected)
        return [item.embedding for item in items]

    def _ordered(self, expected: int) -> list[_Item[Form_co]]:
        items = self.data
        if any(item.index is not None for item in items):
            by_index = {item.index: item for item in items}
            try:
                items = [by_index[at] for at in range(len(items))]
            except KeyError:
                raise ValueError("the index members of the embeddings do not number them") from None
        if len(items) != expected:
            raise ValueError(
                f"the number of embedding responses [{len(items)}] does not equal the number of requests [{expected}]"
            )
        return items


_PACKED = msgspec.json.Decoder(Answer[bytes])
_ANSWER = msgspec.json.Decoder(Answer[msgspec.Raw])
_BASE64 = msgspec.json.Decoder(bytes)
_RAW = msgspec.json.Decoder(msgspec.Raw)


def read(raw: bytes) -> Answer[bytes] | Answer[msgspec.Raw]:
    """The answer in ``raw``; ValueError if it is none."""
    try:
        # What was asked for is read in one go; an array is told by its first byte.
        return _PACKED.decode(raw)
    except ValueError:
        return _ANSWER.decode(raw)


def read_in_steps(raw: bytes) -> Answer[bytes | msgspec.Raw]:
    """The same, embedding by embedding, so that other threads get in: 40 MB in one go take 50 ms or more."""
    try:
        return _read_apart(raw)
    except ValueError:
        return _ANSWER.decode(raw)


def _read_apart(raw: bytes) -> Answer[bytes | msgspec.Raw]:
    """Reads ``raw`` with numbers in the places of the embeddings; ValueError where these are not the answer's own."""
    # Numbers that nobody can foresee: one that an upstream sends for an embedding would be taken for another's place.
    first = getrandbits(60)
    outline: list[bytes] = []
    embeddings: list[bytes | msgspec.Raw] = []
    view, at = memoryview(raw), 0
    while found := _EMBEDDING.search(raw, at):
        start = found.end()
        end = raw.index(b'"' if raw.startswith(b'"', start) else b"]", start + 1) + 1
        outline += (raw[at:start], b"%d" % (first + len(embeddings)))
        embeddings.append(_embedding(view[start:end]))
        at = end
    answer = _ANSWER.decode(b"".join([*outline, raw[at:]]))
    places = [b"%d" % number for number in range(first, first + len(embeddings))]
    if [bytes(item.embedding) for item in answer.data] != places:
        raise ValueError("other things are called so, too")
    items = [_Item(embedding, item.index) for item, embedding in zip(answer.data, embeddings, strict=True)]
    return Answer(items, answer.usage)


def _embedding(part: memoryview) -> bytes | msgspec.Raw:
    try:
        return _BASE64.decode(part)
    except ValueError:
        return _RAW.decode(part)
