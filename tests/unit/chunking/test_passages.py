"""Passages: every vector, and what holds for any text."""

from typing import Any

from tests.unit.chunking.vectors import settings_of, text_of, vectors

from inferd.chunking.passages import chunk


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
