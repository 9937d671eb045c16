"""The embedding tasks: bodies, batches, order, the fall-back to arrays, and texts that are too long."""

import asyncio
import base64
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from inferd.aside import Aside
from inferd.errors import Failure, StatusFailure, UpstreamRefusal
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Call
from inferd.services.openai import embeddings as module
from inferd.services.openai.embeddings import EmbeddingsTask
from tests.unit.services.openai.endpoints import call

Answer = Callable[[dict[str, Any]], bytes | Failure | Awaitable[bytes]]


class Bench:
    """An EmbeddingsTask whose upstream is a function."""

    def __init__(self, answer: Answer) -> None:
        self.sent: list[dict[str, Any]] = []
        self.aside = Aside()
        self.task = EmbeddingsTask(self._send, self.aside)
        self._answer = answer

    async def vectors(self, made: Call, texts: Sequence[str], user: str | None = None) -> list[bytes]:
        """The vectors as bytes."""
        try:
            return [bytes(vector) for vector in await self.task.vectors(made, texts, user)]
        finally:
            self.aside.close()

    async def _send(self, made: Call, body: bytes) -> bytes:
        document = msgspec.json.decode(body)
        self.sent.append(document)
        answer = self._answer(document)
        if isinstance(answer, Failure):
            raise answer
        return answer if isinstance(answer, bytes) else await answer


def answer(vectors: Sequence[Any], **more: Any) -> bytes:
    items = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    return msgspec.json.encode({"object": "list", "data": items, "usage": {"prompt_tokens": 5}, **more})


def lengths(document: dict[str, Any]) -> bytes:
    """For each text a vector of its length."""
    return answer([[len(text)] for text in document["input"]])


def too_large() -> UpstreamRefusal:
    return UpstreamRefusal("Received a content too large status code for …", 413, upstream_status=413)


def no_base64() -> UpstreamRefusal:
    return UpstreamRefusal("Received a bad request status code", 400, upstream_status=400, param="encoding_format")


@pytest.mark.parametrize("task_type", [TaskType.TEXT_EMBEDDING, TaskType.EMBEDDING])
async def test_the_body_is_elasticsearchs(task_type: TaskType) -> None:
    bench = Bench(lengths)
    made = call(task_type, dimensions=128, dimensions_set_by_user=True)
    assert await bench.vectors(made, ["a", "bc"], "u") == [b"[1]", b"[2]"]
    expected = {"input": ["a", "bc"], "model": "m", "user": "u", "dimensions": 128, "encoding_format": "base64"}
    assert list(bench.sent[0].items()) == list(expected.items())
    assert made.trace.input_tokens == 5


async def test_dimensions_that_were_found_out_are_not_sent() -> None:
    bench = Bench(lengths)
    await bench.vectors(call(TaskType.TEXT_EMBEDDING, dimensions=128), ["a"])
    assert bench.sent == [{"input": ["a"], "model": "m", "encoding_format": "base64"}]


async def test_base64_and_arrays_may_be_mixed() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.1, -0.5)).decode()
    bench = Bench(lambda _: answer([packed, msgspec.Raw(b"[0.10000000000000001, -5E-1]")]))
    assert await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["a", "b"]) == [
        b"[0.1,-0.5]",
        b"[0.10000000000000001, -5E-1]",
    ]


async def test_a_long_answer_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG_ANSWER", 10)
    monkeypatch.setattr(module, "VECTORS_A_STEP", 3)
    bench = Bench(lengths)
    texts = ["a" * length for length in range(10)]
    assert await bench.vectors(call(TaskType.TEXT_EMBEDDING), texts) == [b"[%d]" % at for at in range(10)]


@pytest.mark.parametrize(
    ("items", "cause"),
    [
        ([{"embedding": [1]}], "the number of embedding responses [1] does not equal the number of requests [2]"),
        ([{"embedding": [1]}] * 3, "the number of embedding responses [3] does not equal the number of requests [2]"),
        (
            [{"embedding": [1], "index": 0}, {"embedding": [2], "index": 0}],
            "the index members of the embeddings do not number them",
        ),
        (
            [{"embedding": [1], "index": 0}, {"embedding": [2]}],
            "the index members of the embeddings do not number them",
        ),
        (
            [{"embedding": [1], "index": 1}, {"embedding": [2], "index": 2}],
            "the index members of the embeddings do not number them",
        ),
        (
            [{"embedding": [1], "index": -1}, {"embedding": [2], "index": 0}],
            "the index members of the embeddings do not number them",
        ),
        ([{"index": 0}, {"index": 1}], "Object missing required field `embedding` - at `$.data[0]`"),
        ([{"embedding": [1]}, {"embedding": None}], "[embedding] expected base64 string or float array"),
        ([{"embedding": [1]}, {"embedding": []}], "[embedding] is empty"),
        (
            [{"embedding": [1]}, {"embedding": base64.b64encode(struct.pack("<f", float("nan"))).decode()}],
            "[embedding] holds a value that is no finite number",
        ),
    ],
)
@pytest.mark.parametrize("long", [0, 1 << 20])
async def test_an_answer_that_would_corrupt_an_index_is_refused(
    monkeypatch: pytest.MonkeyPatch, items: list[object], cause: str, long: int
) -> None:
    monkeypatch.setattr(module, "LONG_ANSWER", long)
    bench = Bench(lambda _: msgspec.json.encode({"data": items}))
    with pytest.raises(StatusFailure) as failed:
        await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["a", "b"])
    assert failed.value.status == 502
    assert failed.value.reason == f"Failed to send OpenAI embeddings request. Cause: {cause}"


@pytest.mark.parametrize("raw", [b"<html>", b'{"x":' + b"[" * 100_000, b"{}", b'{"data":null}'])
async def test_so_is_what_is_no_answer(raw: bytes) -> None:
    with pytest.raises(StatusFailure) as failed:
        await Bench(lambda _: raw).vectors(call(TaskType.TEXT_EMBEDDING), ["a"])
    assert failed.value.status == 502


async def test_index_decides_the_order() -> None:
    items = [{"embedding": [at], "index": at} for at in (2, 0, 1)]
    bench = Bench(lambda _: msgspec.json.encode({"data": items}))
    assert await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["a", "b", "c"]) == [b"[0]", b"[1]", b"[2]"]


async def test_without_index_the_order_is_that_of_the_array() -> None:
    bench = Bench(lambda _: b'{"data":[{"embedding":[7]},{"embedding":[3]}]}')
    assert await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["a", "b"]) == [b"[7]", b"[3]"]


async def test_many_texts_go_in_several_requests_and_come_back_in_order() -> None:
    waiting = 0
    most = 0

    async def late(document: dict[str, Any]) -> bytes:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        # The later requests are answered first.
        for _ in range(20 - int(document["input"][0]) // 2048):
            await asyncio.sleep(0)
        waiting -= 1
        return answer([[int(text)] for text in document["input"]])

    bench = Bench(late)
    texts = [str(at) for at in range(2048 * 6 + 1)]
    vectors = await bench.vectors(call(TaskType.TEXT_EMBEDDING), texts)
    assert vectors == [b"[%d]" % at for at in range(len(texts))]
    assert sorted(len(document["input"]) for document in bench.sent) == [1] + [2048] * 6
    assert most == module.MAX_AT_ONCE


async def test_one_request_that_fails_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_INPUTS", 1)
    cancelled = 0

    async def answered(document: dict[str, Any]) -> bytes:
        nonlocal cancelled
        if document["input"] == ["b"]:
            await asyncio.sleep(0)
            raise too_large_once
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1
            raise
        raise AssertionError

    too_large_once = StatusFailure("no", 500)
    bench = Bench(answered)
    with pytest.raises(StatusFailure) as failed:
        await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["a", "b", "c", "d", "e", "f"])
    assert failed.value is too_large_once
    while asyncio.all_tasks() != {asyncio.current_task()}:
        await asyncio.sleep(0)
    assert cancelled == 3
    assert len(bench.sent) == 4


async def test_an_upstream_that_knows_no_base64_is_asked_for_arrays_from_then_on() -> None:
    bench = Bench(lambda document: no_base64() if "encoding_format" in document else lengths(document))
    made = call(TaskType.TEXT_EMBEDDING)
    for _ in range(2):
        assert await bench.task.vectors(made, ["abc"], None) == [msgspec.Raw(b"[3]")]
    assert [document.get("encoding_format") for document in bench.sent] == ["base64", None, None]
    changed = call(TaskType.TEXT_EMBEDDING, url="http://elsewhere")
    await bench.task.vectors(changed, ["abc"], None)
    assert bench.sent[3]["encoding_format"] == "base64"
    assert await bench.vectors(call(TaskType.TEXT_EMBEDDING, inference_id="other"), ["abc"]) == [b"[3]"]
    assert bench.sent[5]["encoding_format"] == "base64"


async def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    bench = Bench(lambda document: no_base64() if "encoding_format" in document else lengths(document))
    for name in ("a", "b", "c", "c", "b", "a"):
        await bench.task.vectors(call(TaskType.TEXT_EMBEDDING, inference_id=name), ["x"], None)
    assert len(bench.sent) == 2 * 3 + 1 + 1 + 2


@pytest.mark.parametrize(
    ("refusal", "again"),
    [
        (UpstreamRefusal("x", 400, upstream_status=400, param="encoding_format"), True),
        (UpstreamRefusal("x", 422, upstream_status=422, param="encoding_format"), True),
        (UpstreamRefusal("of the endpoint base64", 400, upstream_status=400), False),
        (UpstreamRefusal("x", 401, upstream_status=401, param="encoding_format"), False),
        (UpstreamRefusal("x", 502, upstream_status=500, param="encoding_format"), False),
    ],
)
async def test_which_refusals_mean_that(refusal: UpstreamRefusal, again: bool) -> None:
    bench = Bench(lambda _: refusal)
    with pytest.raises(UpstreamRefusal) as refused:
        await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["a"])
    assert refused.value is refusal
    assert len(bench.sent) == 1 + again


async def test_what_is_too_large_is_halved_twice_at_most() -> None:
    bench = Bench(lambda _: too_large())
    with pytest.raises(UpstreamRefusal):
        await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["abcdefgh", "xyz", "1"])
    assert [document["input"] for document in bench.sent] == [
        ["abcdefgh", "xyz", "1"],
        ["abcd", "x", "1"],
        ["ab", "x", "1"],
    ]


async def test_a_half_that_fits_is_answered() -> None:
    bench = Bench(lambda document: too_large() if len(document["input"][0]) > 2 else lengths(document))
    assert await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["abcd"]) == [b"[2]"]


async def test_what_cannot_be_shorter_is_not_sent_again() -> None:
    bench = Bench(lambda _: too_large())
    with pytest.raises(UpstreamRefusal):
        await bench.vectors(call(TaskType.TEXT_EMBEDDING), ["a", ""])
    assert len(bench.sent) == 1


async def test_a_trial_halves_nothing() -> None:
    bench = Bench(lambda _: too_large())
    with pytest.raises(UpstreamRefusal):
        await bench.vectors(call(TaskType.TEXT_EMBEDDING, attempts=1), ["how big"])
    assert len(bench.sent) == 1


async def test_max_input_tokens_cuts_before_anything_is_sent() -> None:
    bench = Bench(lengths)
    made = call(TaskType.TEXT_EMBEDDING, max_input_tokens=2)
    assert await bench.vectors(made, ["abcdefgh", "😀😀😀😀", "a"]) == [b"[6]", b"[3]", b"[1]"]


@pytest.mark.parametrize("user", [None, "u"])
async def test_long_texts_are_written_beside_the_loop_to_the_same_body(
    monkeypatch: pytest.MonkeyPatch, user: str | None
) -> None:
    bodies = []

    async def send(_: Call, body: bytes) -> bytes:
        bodies.append(body)
        return lengths(msgspec.json.decode(body))

    aside = Aside()
    for long in (1 << 20, 3):
        monkeypatch.setattr(module, "LONG", long)
        await EmbeddingsTask(send, aside).vectors(call(TaskType.TEXT_EMBEDDING), ['a"b', "ü😀", ""], user)
    aside.close()
    assert bodies[0] == bodies[1]
