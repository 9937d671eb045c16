"""Chunked embeddings: which settings cut, how passages are sent, and what becomes of failures."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from inferd.chunking import batches
from inferd.chunking.passages import chunk
from inferd.errors import Failure, RequestTimedOut, StatusFailure, ValidationFailed
from inferd.schema.chunking import ChunkingSettings, NoneSettings, SentenceSettings, WordSettings
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Call, Embeddings, InferenceRequest, Passages
from inferd.services import Tools
from inferd.services.openai import OpenAIService
from inferd.services.openai.chunked import ChunkedTask
from tests.unit.services.openai.endpoints import call
from tests.unit.services.openai.upstream import Reply, ScriptedClient

TEXT = " ".join(f"w{number}" for number in range(25))
TEN = {"strategy": "word", "max_chunk_size": 10, "overlap": 1}


class Embedder:
    """Stands in for the embeddings task: its vectors are the lengths of the texts, or a failure."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.failures: dict[int, Failure] = {}
        self.at_once = self.most_at_once = 0

    async def vectors(self, call: Call, texts: Sequence[str], user: str | None) -> list[msgspec.Raw]:
        number = len(self.asked)
        self.asked.append(list(texts))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if number in self.failures:
            raise self.failures[number]
        return [msgspec.Raw(b"[%d.50]" % len(text)) for text in texts]


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def task(embedder: Embedder, tools: Tools) -> ChunkedTask:
    return ChunkedTask(embedder, tools.cutter, tools.aside)  # type: ignore[arg-type]  # it has what is used


def entries(passages: Passages) -> list[Any]:
    return [msgspec.json.decode(entry) for entry in passages.inputs]


def with_chunking(settings: ChunkingSettings | None) -> Call:
    made = call(TaskType.TEXT_EMBEDDING)
    return msgspec.structs.replace(made, endpoint=msgspec.structs.replace(made.endpoint, chunking_settings=settings))


@pytest.mark.parametrize(
    ("stored", "sent", "used"),
    [
        (None, None, SentenceSettings()),
        (WordSettings(10, 2), None, WordSettings(10, 2)),
        (WordSettings(10, 2), NoneSettings(), NoneSettings()),
    ],
)
async def test_the_request_decides_before_the_endpoint(
    task: ChunkedTask, stored: ChunkingSettings | None, sent: ChunkingSettings | None, used: ChunkingSettings
) -> None:
    result = await task.passages(with_chunking(stored), [TEXT, ""], sent, None)
    shown = [[(entry["text"], *entry["text_offset"].values()) for entry in one["chunks"]] for one in entries(result)]
    assert shown == [[(one.text, one.start, one.end) for one in chunk(text, used)] for text in (TEXT, "")]


async def test_an_entry_as_it_is_answered(task: ChunkedTask) -> None:
    result = await task.passages(with_chunking(None), ["Hello."], None, None)
    assert result.inputs == [
        msgspec.Raw(b'{"chunks":[{"text":"Hello.","text_offset":{"start":0,"end":6},"embedding":[6.50]}]}')
    ]


@pytest.fixture
def two_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches.Batches.__init__, "__defaults__", (2,))


@pytest.mark.usefixtures("two_a_batch")
async def test_few_batches_are_on_their_way_at_once(task: ChunkedTask, embedder: Embedder) -> None:
    texts = [str(number) for number in range(21)]
    result = await task.passages(with_chunking(None), texts, None, None)
    assert [entry["chunks"][0]["text"] for entry in entries(result)] == texts
    assert embedder.asked == [texts[at : at + 2] for at in range(0, 21, 2)]
    assert embedder.most_at_once == 4


@pytest.mark.usefixtures("two_a_batch")
async def test_a_failure_hits_only_its_own_inputs(task: ChunkedTask, embedder: Embedder) -> None:
    embedder.failures[1] = StatusFailure("no", 418)
    told = entries(await task.passages(with_chunking(None), ["a", "b", "c", "d", "e"], None, None))
    chunks, failed = ["chunks"], ["error", "status"]
    assert [list(entry) for entry in told] == [chunks, chunks, failed, failed, chunks]
    error = {"type": "status_exception", "reason": "no"}
    assert told[2] == {"error": {"root_cause": [error], **error}, "status": 418}


@pytest.mark.usefixtures("two_a_batch")
async def test_where_all_failed_the_first_failure_is_raised(task: ChunkedTask, embedder: Embedder) -> None:
    embedder.failures = {0: StatusFailure("first"), 1: StatusFailure("second")}
    with pytest.raises(StatusFailure, match="first"):
        await task.passages(with_chunking(None), ["a", "b", "c"], None, None)


@pytest.mark.usefixtures("two_a_batch")
async def test_leaving_ends_every_batch(task: ChunkedTask, embedder: Embedder) -> None:
    entered, left = asyncio.Semaphore(0), []

    async def forever(*_: object) -> None:
        try:
            entered.release()
            await asyncio.Event().wait()
        finally:
            left.append(1)

    embedder.vectors = forever  # type: ignore[method-assign,assignment]  # this test wants it to hang
    working = asyncio.create_task(task.passages(with_chunking(None), list("abcd"), None, None))
    await entered.acquire()
    await entered.acquire()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await asyncio.sleep(0)
    assert left == [1, 1]


async def test_cutting_is_part_of_the_requests_time(task: ChunkedTask) -> None:
    late = call(TaskType.TEXT_EMBEDDING, seconds=-1.0)
    with pytest.raises(RequestTimedOut, match=r"after \[10s\] for inference id \[e\]"):
        await task.passages(late, [TEXT], None, None)


async def test_the_service_chunks_when_it_is_asked_to(service: OpenAIService, upstream: ScriptedClient) -> None:
    answer = {"data": [{"embedding": [0.5]}, {"embedding": [1.50]}, {"embedding": [2]}]}
    upstream.replies = [Reply(msgspec.json.encode(answer)), Reply(b'{"data":[{"embedding":[7.0]}]}')]
    request = InferenceRequest(input=[TEXT], chunk=True, chunking_settings=TEN)
    result = await service.infer(call(TaskType.TEXT_EMBEDDING), request)
    assert isinstance(result, Passages)
    assert [entry["embedding"] for entry in entries(result)[0]["chunks"]] == [[0.5], [1.5], [2]]
    assert upstream.documents()[0]["input"] == [one.text for one in chunk(TEXT, WordSettings(10, 1))]
    plain = await service.infer(call(TaskType.TEXT_EMBEDDING), InferenceRequest(input=[TEXT]))
    assert plain == Embeddings([msgspec.Raw(b"[7.0]")])


async def test_settings_of_a_request_are_checked(service: OpenAIService) -> None:
    request = InferenceRequest(input=[TEXT], chunk=True, chunking_settings={"max_chunk_size": 5})
    with pytest.raises(ValidationFailed, match=r"\[max_chunk_size\] must be greater than or equal to \[20.0\]"):
        await service.infer(call(TaskType.TEXT_EMBEDDING), request)
