"""From a text and settings to passages, by whichever strategy the settings name."""

import icu

from inferd.chunking.chunk import Chunk, Offsets, slices
from inferd.chunking.separators import Watch, unwatched
from inferd.chunking.strategies import by_sentences, by_separators, by_words, whole
from inferd.schema.chunking import ChunkingSettings, RecursiveSettings, SentenceSettings, WordSettings


def chunk(text: str, settings: ChunkingSettings) -> list[Chunk]:
    """``text`` cut by ``settings``, at least one passage; see ``offsets`` for what it takes and raises."""
    return slices(text, offsets(text, settings))


def offsets(text: str, settings: ChunkingSettings, watch: Watch = unwatched) -> list[Offsets]:
    """Where the passages of ``text`` begin and end, in UTF-16 code units, end exclusive, in order.

    Single calls into ICU keep the interpreter to themselves, up to 150 ns a character: ``worker`` says which texts
    another process should cut. IllegalArgument for a separator that is no regular expression or reads too much.
    """
    units = icu.UnicodeString(text)
    match settings:
        case SentenceSettings():
            return by_sentences(units, settings.max_chunk_size, settings.sentence_overlap)
        case WordSettings():
            return by_words(units, settings.max_chunk_size, settings.overlap)
        case RecursiveSettings():
            return by_separators(units, settings.max_chunk_size, settings.separators, watch)
        case _:
            return whole(units)
