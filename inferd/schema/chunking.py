"""The settings that say how a long text is cut into passages; parsed by ``inferd.chunking``."""

import msgspec


class SentenceSettings(msgspec.Struct, frozen=True, tag_field="strategy", tag="sentence"):
    """Whole sentences up to ``max_chunk_size`` words; ``sentence_overlap`` (0 or 1) sentences are repeated."""

    max_chunk_size: int = 250
    sentence_overlap: int = 1


class WordSettings(msgspec.Struct, frozen=True, tag_field="strategy", tag="word"):
    """``max_chunk_size`` words a passage, ``overlap`` of them repeated from the one before."""

    max_chunk_size: int
    overlap: int


class RecursiveSettings(msgspec.Struct, frozen=True, tag_field="strategy", tag="recursive"):
    """Cut at ``separators`` (regular expressions), the next one where a passage has over ``max_chunk_size`` words."""

    max_chunk_size: int
    separators: tuple[str, ...]


class NoneSettings(msgspec.Struct, frozen=True, tag_field="strategy", tag="none"):
    """The whole text as one passage."""


ChunkingSettings = SentenceSettings | WordSettings | RecursiveSettings | NoneSettings
