"""The shared vectors of chunking, and the texts they describe instead of spelling them out."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inferd.chunking.settings import SEPARATOR_GROUPS
from inferd.schema.chunking import ChunkingSettings

_FILE = Path(__file__).parents[2] / "vectors" / "chunking.json"
_VECTORS: list[dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))


def vectors(kind: str) -> pytest.MarkDecorator:
    """Gives a test every vector of ``kind`` as ``vector``, under its own name."""
    chosen = [vector for vector in _VECTORS if vector["kind"] == kind]
    return pytest.mark.parametrize("vector", chosen, ids=[vector["name"] for vector in chosen])


def text_of(generator: Any) -> str:
    """The text that ``generator`` stands for."""
    if isinstance(generator, str):
        return generator
    match generator["op"]:
        case "repeat":
            return text_of(generator["unit"]) * int(generator["times"])
        case "count":
            first, number = generator["from"], generator["n"]
            return "".join(generator["template"].replace("{i}", str(i)) for i in range(first, first + number))
        case "concat":
            return "".join(map(text_of, generator["parts"]))
    raise AssertionError(generator)


def settings_of(stored: dict[str, Any]) -> ChunkingSettings:
    """Settings as a vector gives them, also those that no request may ask for."""
    document = dict(stored)
    if "separator_group" in document:
        document["separators"] = SEPARATOR_GROUPS[document.pop("separator_group")]
    settings: ChunkingSettings = msgspec.convert(document, ChunkingSettings)
    return settings
