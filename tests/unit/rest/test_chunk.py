"""``_chunk`` by itself: what it makes of a body, and what it says when its time is over."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from inferd.chunking.chunk import as_json, shown
from inferd.chunking.passages import chunk
from inferd.schema.chunking import ChunkingSettings, NoneSettings, SentenceSettings, WordSettings
from tests.served import Served, served

PATH = "/_inference/_chunk"


def expected(texts: list[str], settings: ChunkingSettings) -> bytes:
    entries = [as_json(shown(chunk(text, settings))) for text in texts]
    return msgspec.json.encode({"chunked_inference_service_result": entries})


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(
    ("given", "settings"),
    [
        (None, SentenceSettings()),
        ({}, SentenceSettings()),
        ({"strategy": "word", "max_chunk_size": 10, "overlap": 3}, WordSettings(10, 3)),
        ({"strategy": "none"}, NoneSettings()),
    ],
)
async def test_texts_are_cut(inferd: Served, given: object, settings: ChunkingSettings, long: bool) -> None:
    texts = ["Hello 😀 world. Here we are.", "", "今天天气很好，我们去公园散步。"]
    if long:
        texts = [text * 9_000 for text in texts]
    body = {"input": texts} | ({} if given is None else {"chunking_settings": given})
    answer = await inferd.ask("POST", PATH, body)
    assert (answer.status, answer.body) == (200, expected(texts, settings))
    one = await inferd.ask("POST", PATH, body | {"input": texts[0]})
    assert one.body == expected(texts[:1], settings)
    assert inferd.simulator.requests == 0


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"[]", "x_content_parse_exception", "[1:1] [_chunk] Expected START_OBJECT but was: START_ARRAY"),
        (b'{\n "inpt":"a"}', "x_content_parse_exception", "[2:2] [_chunk] unknown field [inpt] did you mean [input]?"),
        (
            b'{"input":1}',
            "x_content_parse_exception",
            "[1:10] [_chunk] input doesn't support values of type: VALUE_NUMBER",
        ),
        (b'{"input":["a",1]}', "x_content_parse_exception", "[1:15] [_chunk] failed to parse field [input]"),
        (
            b'{"input":"a","chunking_settings":1}',
            "x_content_parse_exception",
            "[1:34] [_chunk] chunking_settings doesn't support values of type: VALUE_NUMBER",
        ),
        (b'{"input":"a","input":"b"}', "x_content_parse_exception", "[1:14] Duplicate field 'input'"),
        (b'{"input":"a"', "x_content_e_o_f_exception", "[1:13] Unexpected end-of-input"),
        (b"{}", "action_request_validation_exception", "Validation Failed: 1: Field [input] cannot be null;"),
        (
            b'{"input":[]}',
            "action_request_validation_exception",
            "Validation Failed: 1: Field [input] cannot be an empty array;",
        ),
        (
            b'{"input":"a","chunking_settings":{"max_chunk_size":301}}',
            "validation_exception",
            "Validation Failed: 1: [chunking_settings] Invalid value [301.0]. "
            "[max_chunk_size] must be less than or equal to [300.0];",
        ),
        (
            b'{"input":"a","chunking_settings":{"strategy":"letters"}}',
            "illegal_argument_exception",
            "Invalid chunkingStrategy letters",
        ),
        (
            b'{"input":"a b c d e f g h i j k","chunking_settings":'
            b'{"strategy":"recursive","max_chunk_size":10,"separators":["("]}}',
            "illegal_argument_exception",
            "Invalid chunk separator regex [(]: Parentheses that do not match near index 1",
        ),
    ],
)
async def test_a_body_that_cannot_be_meant(inferd: Served, body: bytes, kind: str, reason: str) -> None:
    answer = await inferd.ask("POST", PATH, body)
    assert (answer.status, answer.json["error"]["type"], answer.reason) == (400, kind, reason)


async def test_the_limit_of_the_configuration(tmp_path: Path) -> None:
    body = {"input": "a", "chunking_settings": {"max_chunk_size": 1_000}}
    async with served(tmp_path, chunking_max_chunk_size_limit="0") as inferd:
        assert (await inferd.ask("POST", PATH, body)).status == 200


async def test_its_time_is_over(inferd: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(inferd.parts.cutter, "cut", never)
    answer = await inferd.ask("POST", f"{PATH}?timeout=10ms", {"input": "a"})
    assert (answer.status, answer.reason) == (429, "Request timed out after [10ms]")
    assert answer.headers["X-Timed-Out"] == "?1"
