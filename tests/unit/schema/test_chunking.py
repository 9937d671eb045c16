"""Chunking settings as they are stored and shown."""

import msgspec
import pytest

from inferd.schema.chunking import ChunkingSettings, NoneSettings, RecursiveSettings, SentenceSettings, WordSettings


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (SentenceSettings(), b'{"strategy":"sentence","max_chunk_size":250,"sentence_overlap":1}'),
        (WordSettings(20, 10), b'{"strategy":"word","max_chunk_size":20,"overlap":10}'),
        (RecursiveSettings(20, ("a", "b")), b'{"strategy":"recursive","max_chunk_size":20,"separators":["a","b"]}'),
        (NoneSettings(), b'{"strategy":"none"}'),
    ],
)
def test_settings_are_shown_in_order_and_read_back(settings: ChunkingSettings, text: bytes) -> None:
    assert msgspec.json.encode(settings) == text
    assert msgspec.json.decode(text, type=ChunkingSettings) == settings
