"""Passages: every vector, and what holds for any text."""

from typing import Any

import pytest

from inferd.chunking.passages import chunk
from inferd.schema.chunking import ChunkingSettings, NoneSettings, RecursiveSettings, SentenceSettings, WordSettings
from tests.unit.chunking.vectors import settings_of, text_of, vectors


@vectors("chunk")
def test_vector(vector: dict[str, Any]) -> None:
    text = vector.get("text")
    if text is None:
        text = text_of(vector["generator"])
    passages = chunk(text, settings_of(vector["settings"]))
    expected = vector["expected"]
    assert [[passage.start, passage.end] for passage in passages] == expected["offsets"]
    assert len(passages) == expected["count"]
    if "texts" in expected:
        assert [passage.text for passage in passages] == expected["texts"]


TEXT = "😀 a b. " + "C " * 20


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SentenceSettings(21, 0), ["😀 a b. ", "C " * 20]),
        (WordSettings(21, 1), ["😀 a b. " + "C " * 18 + "C", " C C "]),
        (RecursiveSettings(20, ("(?<=b)",)), ["😀 a b", ". " + "C " * 20]),
        (NoneSettings(), [TEXT]),
    ],
)
def test_each_strategy(settings: ChunkingSettings, expected: list[str]) -> None:
    found = chunk(TEXT, settings)
    assert [passage.text for passage in found] == expected
    for passage in found:
        units = TEXT.encode("utf-16-le")[2 * passage.start : 2 * passage.end]
        assert passage.text == units.decode("utf-16-le")
