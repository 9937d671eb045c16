"""From a text and settings to passages: offsets in UTF-16 code units and the exact text between them."""

from collections.abc import Iterable

import icu
import msgspec

from inferd.chunking.strategies import Offsets, by_sentences, by_separators, by_words, whole
from inferd.schema.chunking import ChunkingSettings, RecursiveSettings, SentenceSettings, WordSettings


class Chunk(msgspec.Struct, frozen=True):
    """One passage: ``text`` is what lies from ``start`` up to ``end``, in UTF-16 code units of the whole text."""

    start: int
    end: int
    text: str


def chunk(text: str, settings: ChunkingSettings) -> list[Chunk]:
    """``text`` cut by ``settings``, at least one passage; see ``offsets`` for what it takes and raises."""
    return slices(text, offsets(text, settings))


def offsets(text: str, settings: ChunkingSettings) -> list[Offsets]:
    """Where the passages of ``text`` begin and end, in UTF-16 code units, end exclusive, in order.

    A megabyte takes about 0.2 s. Single calls into ICU may hold the interpreter for 150 ms per million characters.
    IllegalArgument for a separator that is no regular expression or reads too much.
    """
    units = icu.UnicodeString(text)
    match settings:
        case SentenceSettings():
            return by_sentences(units, settings.max_chunk_size, settings.sentence_overlap)
        case WordSettings():
            return by_words(units, settings.max_chunk_size, settings.overlap)
        case RecursiveSettings():
            return by_separators(units, settings.max_chunk_size, settings.separators)
        case _:
            return whole(units)


def slices(text: str, found: Iterable[Offsets]) -> list[Chunk]:
    """The passages of ``text`` at the offsets ``found``."""
    if text.isascii() or max(text) < "\U00010000":
        return [Chunk(start, end, text[start:end]) for start, end in found]
    units = text.encode("utf-16-le", "surrogatepass")
    return [
        Chunk(start, end, units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")) for start, end in found
    ]
