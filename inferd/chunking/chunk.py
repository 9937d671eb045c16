"""A passage as every part of the package speaks of it, and as an answer shows it; does not import ICU."""

from collections.abc import Iterable

import msgspec

from inferd.steps import LONG, joined, list_parts, text_as_json

Offsets = tuple[int, int]
Embedding = msgspec.Raw | list[float]

_BLOCK = 250_000  # characters; about a millisecond

_ENCODER = msgspec.json.Encoder()


class Chunk(msgspec.Struct, frozen=True):
    """One passage: ``text`` is what lies from ``start`` up to ``end``, in UTF-16 code units of the whole text."""

    start: int
    end: int
    text: str


class Span(msgspec.Struct, frozen=True):
    """The ``text_offset`` of an answer; ``end`` is exclusive."""

    start: int
    end: int


class Passage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A passage as an answer shows it, without ``embedding`` where nothing but the cutting was asked for."""

    text: str
    text_offset: Span
    embedding: Embedding | msgspec.UnsetType = msgspec.UNSET


class Passages(msgspec.Struct, frozen=True):
    """What the answer says of one input."""

    chunks: list[Passage]


def slices(text: str, found: Iterable[Offsets]) -> list[Chunk]:
    """The chunks of ``text`` at the offsets ``found``."""
    units = b"" if text.isascii() else encoded(text, "utf-16-le")
    if len(units) <= 2 * len(text):
        return [Chunk(start, end, text[start:end]) for start, end in found]
    return [
        Chunk(start, end, units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")) for start, end in found
    ]


def encoded(text: str, encoding: str) -> bytes:
    """``text`` in a Unicode ``encoding``, lone surrogates included, block by block so that other threads get in."""
    blocks = range(0, len(text), _BLOCK)
    return b"".join([text[at : at + _BLOCK].encode(encoding, "surrogatepass") for at in blocks])


def shown(chunks: Iterable[Chunk]) -> Passages:
    """``chunks`` of one input as an answer shows them, without embeddings."""
    return Passages([Passage(chunk.text, Span(chunk.start, chunk.end)) for chunk in chunks])


def as_json(passages: Passages) -> msgspec.Raw:
    """``passages`` as JSON text, made in steps so that other threads get in."""
    return msgspec.Raw(joined([b'{"chunks":', *list_parts(map(_passage_as_json, passages.chunks)), b"}"]))


def _passage_as_json(passage: Passage) -> bytes:
    if len(passage.text) <= LONG:
        return _ENCODER.encode(passage)
    rest = _ENCODER.encode(msgspec.structs.replace(passage, text=""))
    return joined([b'{"text":', text_as_json(passage.text), rest.removeprefix(b'{"text":""')])
