"""``"chunk": true`` and ``_chunk``: passages as a ``semantic_text`` field would embed them (contract §4)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.expected import bad_request, error, invalid, malformed
from tests.scripted_upstream import Connection, scripted
from tests.scripted_upstream import answer as said
from tests.served import Answer, Served, served

CHUNK = "/_inference/_chunk"
TEXT = "The cat sat on the mat. " * 20
TWENTY = {"strategy": "sentence", "max_chunk_size": 20, "sentence_overlap": 0}


def passages_or_errors(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.body
    entries: list[dict[str, Any]] = answer.json["chunked_inference_service_result"]
    return entries


def passages(answer: Answer) -> list[list[dict[str, Any]]]:
    return [entry["chunks"] for entry in passages_or_errors(answer)]


async def test_chunk_answers_byte_for_byte(inferd: Served) -> None:
    answer = await inferd.ask("POST", CHUNK, {"input": ["a😀. B.", "é"]})
    assert answer.body == (
        '{"chunked_inference_service_result":['
        '{"chunks":[{"text":"a😀. B.","text_offset":{"start":0,"end":7}}]},'
        '{"chunks":[{"text":"é","text_offset":{"start":0,"end":1}}]}]}'
    ).encode()
    assert answer.headers["X-elastic-product"] == "Elasticsearch"


@pytest.mark.parametrize("task_type", ["text_embedding", "embedding"])
async def test_passages_are_embedded_as_they_would_be_alone(inferd: Served, task_type: str) -> None:
    await inferd.put("e", task_type, "text-embedding-3-small", dimensions=8)
    texts = [TEXT, "One."]
    answer = await inferd.ask(
        "POST", f"/_inference/{task_type}/e", {"input": texts, "chunk": True, "chunking_settings": TWENTY}
    )
    told = passages(answer)
    cut = passages(await inferd.ask("POST", CHUNK, {"input": texts, "chunking_settings": TWENTY}))
    assert [[{**one, "embedding": None} for one in entry] for entry in told] == [
        [{**one, "embedding": None} for one in entry] for entry in cut
    ]
    assert len(told[0]) == 7
    plain = await inferd.ask("POST", f"/_inference/{task_type}/e", {"input": [one["text"] for one in told[0]]})
    name = "embeddings" if task_type == "embedding" else "text_embedding"
    assert [one["embedding"] for one in told[0]] == [one["embedding"] for one in plain.json[name]]


async def test_the_endpoints_settings_are_used_and_those_of_the_request_win(inferd: Served) -> None:
    settings = {"api_key": "k", "model_id": "m"}
    endpoint = {"service": "openai", "service_settings": settings, "chunking_settings": TWENTY}
    assert (await inferd.ask("PUT", "/_inference/text_embedding/e", endpoint)).status == 200
    path = "/_inference/text_embedding/e"
    assert len(passages(await inferd.ask("POST", path, {"input": TEXT, "chunk": True}))[0]) == 7
    asked = {"input": TEXT, "chunk": True, "chunking_settings": {"strategy": "none"}}
    assert len(passages(await inferd.ask("POST", path, asked))[0]) == 1
    for off in (False, None):
        assert "text_embedding" in (await inferd.ask("POST", path, {"input": TEXT, "chunk": off})).json


async def test_at_most_512_results_an_input(inferd: Served) -> None:
    await inferd.put("e", "text_embedding", "text-embedding-3-small", dimensions=4)
    text = "One two three four five six seven eight nine ten eleven. " * 1_100
    told = passages(
        await inferd.ask(
            "POST", "/_inference/text_embedding/e", {"input": text, "chunk": True, "chunking_settings": TWENTY}
        )
    )[0]
    assert len(told) == 512
    assert (told[0]["text_offset"]["start"], told[-1]["text_offset"]["end"]) == (0, len(text))
    assert all(one["text"] == text[one["text_offset"]["start"] : one["text_offset"]["end"]] for one in told)


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[Served]:
    """An inferd that tries no endpoint out, so that a script begins with the request of the test."""
    async with served(tmp_path, inference_validate_on_put="off") as inferd:
        yield inferd


async def test_numbers_come_through_as_they_came(trusting: Served) -> None:
    vectors = b'{"data":[{"embedding":[1.50, -2e-7]},{"embedding":[0,1]}]}'
    async with scripted([said(vectors)]) as upstream:
        await trusting.put("e", "text_embedding", url=upstream.url)
        answer = await trusting.ask("POST", "/_inference/text_embedding/e", {"input": ["a", "b"], "chunk": True})
    assert answer.body == (
        b'{"chunked_inference_service_result":['
        b'{"chunks":[{"text":"a","text_offset":{"start":0,"end":1},"embedding":[1.50, -2e-7]}]},'
        b'{"chunks":[{"text":"b","text_offset":{"start":0,"end":1},"embedding":[0,1]}]}]}'
    )


async def test_a_failure_hits_only_its_own_inputs(trusting: Served) -> None:
    vectors = msgspec.json.encode({"data": [{"embedding": [1.0]}] * 2048})
    refusal = b'{"error":{"message":"no more","type":"x"}}'

    async def by_size(connection: Connection) -> None:
        """The requests come in any order: the one with a single text is refused."""
        texts = msgspec.json.decode(connection.upstream.received[-1].body)["input"]
        await connection.say(said(vectors) if len(texts) > 1 else said(refusal, "400 Bad Request"))

    async with scripted([by_size]) as upstream:
        await trusting.put("e", "text_embedding", url=upstream.url)
        answer = await trusting.ask("POST", "/_inference/text_embedding/e", {"input": ["a"] * 2049, "chunk": True})
        *told, last = passages_or_errors(answer)
        assert all(list(entry) == ["chunks"] for entry in told) and len(told) == 2048
        assert (list(last), last["status"], last["error"]["type"]) == (["error", "status"], 400, "status_exception")
        assert "no more" in last["error"]["reason"]
        alone = await trusting.ask("POST", "/_inference/text_embedding/e", {"input": "a", "chunk": True})
        assert (alone.status, alone.json) == (400, last)


@pytest.mark.parametrize(
    ("task_type", "body", "expected"),
    [
        (
            "completion",
            b'{"input":"a","chunk":true}',
            malformed("[1:14] [cluster:internal/xpack/inference] unknown field [chunk]"),
        ),
        (
            "text_embedding",
            b'{"input":"a","chunking_settings":{"strategy":"none"}}',
            bad_request("Field [chunking_settings] can only be specified together with [chunk] set to [true]"),
        ),
        (
            "text_embedding",
            b'{"input":"a","chunk":true,"chunking_settings":{"max_chunk_size":19}}',
            invalid(
                "[chunking_settings] Invalid value [19.0]. [max_chunk_size] must be greater than or equal to [20.0]"
            ),
        ),
        (
            "text_embedding",
            b'{"input":"a","chunk":true,"chunking_settings":[]}',
            invalid(
                "field [chunking_settings] is not of the expected type. "
                "The value [[]] cannot be converted to a [Map]"
            ),
        ),
    ],
)
async def test_what_is_refused(inferd: Served, task_type: str, body: bytes, expected: bytes) -> None:
    await inferd.put("e", task_type)
    answer = await inferd.ask("POST", f"/_inference/{task_type}/e", body)
    assert (answer.status, answer.body) == (400, expected)


async def test_a_long_body_is_refused_in_the_same_words(inferd: Served) -> None:
    answer = await inferd.ask("POST", CHUNK, b'{"input":"%b","inpt":1}' % (b"a " * 500_000))
    assert answer.body == malformed("[1:1000013] [_chunk] unknown field [inpt] did you mean [input]?")


async def test_only_post(inferd: Served) -> None:
    answer = await inferd.ask("DELETE", CHUNK)
    assert answer.status == 404
    answer = await inferd.ask("POST", CHUNK)
    assert (answer.status, answer.body) == (400, error("parse_exception", "request body is required"))


async def test_a_pattern_that_runs_away_costs_only_its_own_request(inferd: Served) -> None:
    # Two places are taken at once; each search would take hours.
    settings = {"strategy": "recursive", "max_chunk_size": 10, "separators": ["(?>[^b]*)b"]}
    body = msgspec.json.encode({"input": "a " * 500_000, "chunking_settings": settings})
    bad = [asyncio.create_task(inferd.ask("POST", CHUNK, body)) for _ in range(3)]
    for _ in range(50):
        assert (await inferd.ask("GET", "/livez")).status == 200
        assert passages(await inferd.ask("POST", CHUNK, {"input": "a"}))[0][0]["text"] == "a"
    expected = error(
        "illegal_argument_exception", "Chunk separator regex [(?>[^b]*)b] has exceeded the character read limit"
    )
    assert [(answer.status, answer.body) for answer in await asyncio.gather(*bad)] == [(400, expected)] * 3


@pytest.mark.parametrize("unit", ["The cat sat on the mat. ", "今天天气很好，我们去公园散步。", "cat 😀 "])
@pytest.mark.parametrize("strategy", ["sentence", "word", "recursive", "none"])
async def test_five_megabytes(inferd: Served, unit: str, strategy: str) -> None:
    text = unit * (5_000_000 // len(unit.encode()))
    told = passages(
        await inferd.ask("POST", CHUNK, {"input": text, "chunking_settings": {"strategy": strategy}})
    )[0]
    units = text.encode("utf-16-le")
    assert all(
        one["text"].encode("utf-16-le") == units[2 * one["text_offset"]["start"] : 2 * one["text_offset"]["end"]]
        for one in told
    )
    starts = [one["text_offset"]["start"] for one in told]
    assert starts == sorted(starts) and starts[0] == 0
