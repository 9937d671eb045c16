"""The upstream's answer to a request for embeddings: which embedding belongs to which text."""

import re
from typing import Any

import msgspec

_EMBEDDING = re.compile(rb'"embedding"\s*:\s*(?=["\[])')


class _Item(msgspec.Struct, frozen=True):
    embedding: msgspec.Raw
    index: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """What counts of the answer; the items are in the order they came in."""

    data: list[_Item]
    usage: Any = None

    def embeddings(self, expected: int) -> list[msgspec.Raw]:
        """The embeddings as they came, in the order of the texts; ValueError unless there is one for each.

        By ``index`` where the upstream gives it: array order alone would let a shuffled answer corrupt an index.
        """
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
        return [item.embedding for item in items]


_ANSWER = msgspec.json.Decoder(Answer)
_RAW = msgspec.json.Decoder(msgspec.Raw)


def read(raw: bytes) -> Answer:
    """The answer in ``raw``; ValueError if it is none."""
    return _ANSWER.decode(raw)


def read_in_steps(raw: bytes) -> Answer:
    """The same, embedding by embedding, so that other threads get in: 40 MB in one go take 50 ms or more."""
    try:
        return _read_apart(raw)
    except ValueError:
        return read(raw)


def _read_apart(raw: bytes) -> Answer:
    """Reads ``raw`` with numbers in the places of the embeddings; ValueError where these are not the answer's own."""
    outline: list[bytes] = []
    embeddings: list[msgspec.Raw] = []
    view, at = memoryview(raw), 0
    while found := _EMBEDDING.search(raw, at):
        start = found.end()
        end = raw.index(b'"' if raw.startswith(b'"', start) else b"]", start + 1) + 1
        outline += (raw[at:start], b"%d" % len(embeddings))
        embeddings.append(_RAW.decode(view[start:end]))
        at = end
    answer = _ANSWER.decode(b"".join([*outline, raw[at:]]))
    if [bytes(item.embedding) for item in answer.data] != [b"%d" % number for number in range(len(embeddings))]:
        raise ValueError("other things are called so, too")
    items = [_Item(embedding, item.index) for item, embedding in zip(answer.data, embeddings, strict=True)]
    return Answer(items, answer.usage)
