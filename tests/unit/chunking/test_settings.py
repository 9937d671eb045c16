"""Chunking settings: every vector, and the contract's defaults and bounds."""

from typing import Any

import msgspec
from tests.unit.chunking.vectors import vectors

from inferd.chunking.settings import parse
from inferd.errors import Failure


@vectors("settings")
def test_vector(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    try:
        stored = msgspec.json.decode(msgspec.json.encode(parse(vector["settings"])))
    except Failure as failure:
        error = expected["error"]
        assert (failure.status, failure.type, failure.reason) == (error["status"], error["type"], error["reason"])
    else:
        assert list(stored.items()) == list(expected["stored"].items())
