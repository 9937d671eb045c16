"""Embeddings requests: what they may ask and what they get."""

import asyncio
import json
import struct
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.simulator.answers import Refused
from inferd.simulator.embeddings import answer
from inferd.simulator.faults import Memory
from tests.turns import counted


async def ask(given: Any = "text", **fields: Any) -> Any:
    body = json.dumps({"model": "text-embedding-3-small", "input": given} | fields).encode()
    reply = await answer(body, "key", Memory())
    assert reply.status == 200
    return json.loads(reply.body)


async def vectors(given: Any = "text", **fields: Any) -> list[Any]:
    return [item["embedding"] for item in (await ask(given, **fields))["data"]]


async def refused(given: Any, **fields: Any) -> tuple[int, str | None]:
    with pytest.raises(Refused) as refusal:
        await ask(given, **fields)
    return refusal.value.answer.status, json.loads(refusal.value.answer.body)["error"]["param"]


async def test_an_answer_is_whole() -> None:
    document = await ask(["one", "two words"])
    assert [(item["object"], item["index"]) for item in document["data"]] == [("embedding", 0), ("embedding", 1)]
    assert document["object"] == "list" and document["model"] == "text-embedding-3-small"
    assert document["system_fingerprint"] == "fp_inferd_simulator"
    assert document["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize(
    ("fields", "dimensions"),
    [
        ({}, 1536),
        ({"model": "text-embedding-ada-002"}, 1536),
        ({"model": "anything"}, 1536),
        ({"model": "+"}, 1536),
        ({"model": "text-embedding-3-large"}, 3072),
        ({"model": "text-embedding-3-large+sim-shuffled"}, 3072),
        ({"dimensions": 7}, 7),
    ],
)
async def test_dimensions(fields: dict[str, Any], dimensions: int) -> None:
    assert [len(vector) for vector in await vectors(**fields)] == [dimensions]


async def check_forms(texts: list[str]) -> None:
    numbers = await vectors(texts, dimensions=5)
    coded = await vectors(texts, dimensions=5, encoding_format="base64")
    assert [list(struct.unpack("<5f", b64decode(vector, validate=True))) for vector in coded] == numbers
    assert await vectors(texts, dimensions=5, encoding_format="float") == numbers
    assert [await vectors(text, dimensions=5) for text in texts] == [[vector] for vector in numbers]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50), min_size=1, max_size=40))
def test_both_forms_hold_the_same_values(texts: list[str]) -> None:
    asyncio.run(check_forms(texts))


async def test_token_ids_are_one_input_or_several() -> None:
    one, several = await ask([1, 2, 3]), await ask([[1, 2, 3], [4]])
    assert len(one["data"]) == 1 and one["usage"]["prompt_tokens"] == 3
    assert several["data"][0] == one["data"][0] and len(several["data"]) == 2


async def test_others_get_their_turn_while_many_are_made() -> None:
    async with counted() as turns:
        await ask(["text"] * 100, dimensions=2)
    assert turns.count >= 6


@pytest.mark.parametrize(
    ("given_input", "fields", "param"),
    [
        ([], {}, "input"),
        ("", {}, "input"),
        (["a", ""], {}, "input"),
        ([[]], {}, "input"),
        (["a", 1], {}, "input"),
        (["a"] * 2049, {}, "input"),
        ("a" * 100_001, {}, "input"),
        (None, {}, "input"),
        ([1.5], {}, "input[0]"),
        ("a", {"dimensions": 0}, "dimensions"),
        ("a", {"dimensions": 8193}, "dimensions"),
        ("a", {"model": "text-embedding-ada-002", "dimensions": 5}, "dimensions"),
        ("a", {"encoding_format": "hex"}, "encoding_format"),
        ("a", {"model": "sim-400"}, "model"),
        ("a", {"model": "sim-no-base64", "encoding_format": "float"}, "encoding_format"),
    ],
)
async def test_what_cannot_be_meant_is_refused(given_input: Any, fields: dict[str, Any], param: str) -> None:
    assert await refused(given_input, **fields) == (400, param)


async def test_faults_of_vectors() -> None:
    texts = ["a", "b", "c"]
    assert [item["index"] for item in (await ask(texts, model="sim-mismatch"))["data"]] == [0, 1]
    shuffled = (await ask(texts, model="sim-shuffled"))["data"]
    assert [item["index"] for item in shuffled] == [2, 1, 0]
    assert [item["embedding"] for item in shuffled[::-1]] == await vectors(texts)
    assert all("index" not in item for item in (await ask(texts, model="sim-no-index"))["data"])
    assert len(await vectors(texts, model="sim-no-base64")) == 3
