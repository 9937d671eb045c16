"""The trial of a new endpoint: one call, three modes, and what is made of its outcome."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from inferd.errors import Failure, RequestTimedOut, StatusFailure, UpstreamRefusal, UpstreamUnreachable
from inferd.schema.chat_completion import ChatCompletionRequest, Chunk
from inferd.schema.endpoint import Endpoint, Secrets, TaskType
from inferd.schema.inference import Call, Completions, Embeddings, InferenceRequest, Results
from inferd.services import InferenceService
from inferd.services.trial import Mode, Tried, tried
from tests import plain_endpoints

ONE = Embeddings([msgspec.Raw(b"[1, 2.5,1e999]")])


class Service:
    """A service whose calls come to ``outcome``."""

    def __init__(self, outcome: Results | Failure) -> None:
        self.outcome = outcome
        self.asked: list[object] = []
        self.left = False

    def with_embedding_size(self, endpoint: Endpoint, size: int) -> Endpoint:
        if size == 13:
            raise StatusFailure("The retrieved embeddings size does not match")
        settings = plain_endpoints.PlainSettings(model_id=f"of {size}")
        return msgspec.structs.replace(endpoint, service_settings=settings)

    async def infer(self, call: Call, request: InferenceRequest) -> Results:
        self.asked += [call, request]
        if isinstance(self.outcome, Failure):
            raise self.outcome
        return self.outcome

    @asynccontextmanager
    async def chat_completion(
        self, call: Call, request: ChatCompletionRequest
    ) -> AsyncIterator[AsyncIterator[Sequence[Chunk]]]:
        self.asked += [call, request]
        if isinstance(self.outcome, Failure):
            raise self.outcome
        yield cast(Any, None)
        self.left = True


def endpoint(task_type: TaskType) -> Endpoint:
    return msgspec.structs.replace(plain_endpoints.endpoint("e"), task_type=task_type)


async def trial(
    service: Service, task_type: TaskType, mode: Mode = "lenient", timeout: float = 5.0
) -> Tried:
    made = cast(InferenceService, service)
    return await tried(made, endpoint(task_type), Secrets({"api_key": "k"}), mode, timeout=timeout)


@pytest.mark.parametrize("task_type", [TaskType.TEXT_EMBEDDING, TaskType.EMBEDDING])
@pytest.mark.parametrize("mode", ["lenient", "strict"])
async def test_an_embeddings_size_is_filled_in(task_type: TaskType, mode: Mode) -> None:
    service = Service(ONE)
    result = await trial(service, task_type, mode)
    assert result.endpoint.shown()["service_settings"] == {"model_id": "of 3"}
    assert result.unreachable is None
    assert service.asked[1] == InferenceRequest(input=["how big"])


async def test_a_completion_is_asked_and_its_answer_passed_over() -> None:
    service = Service(Completions(["very"]))
    assert await trial(service, TaskType.COMPLETION) == Tried(endpoint(TaskType.COMPLETION))
    assert len(service.asked) == 2


async def test_a_chat_is_begun_and_left() -> None:
    service = Service(ONE)
    assert await trial(service, TaskType.CHAT_COMPLETION) == Tried(endpoint(TaskType.CHAT_COMPLETION))
    assert msgspec.to_builtins(service.asked[1]) == {"messages": [{"content": "how big", "role": "user"}]}
    assert service.left


async def test_off_asks_nothing() -> None:
    service = Service(StatusFailure("no", 500))
    assert await trial(service, TaskType.EMBEDDING, "off") == Tried(endpoint(TaskType.EMBEDDING))
    assert service.asked == []


@pytest.mark.parametrize(("timeout", "seconds", "text"), [(60.0, 5.0, "5s"), (2.0, 2.0, "2s")])
async def test_it_is_tried_once_and_not_for_long(timeout: float, seconds: float, text: str) -> None:
    service = Service(ONE)
    now = asyncio.get_running_loop().time()
    await trial(service, TaskType.EMBEDDING, timeout=timeout)
    call = service.asked[0]
    assert isinstance(call, Call)
    assert call.attempts == 1
    assert call.deadline.text == text
    assert now + seconds <= call.deadline.at <= now + seconds + 1
    assert dict(call.secrets) == {"api_key": "k"}


UNREACHABLE = [
    UpstreamUnreachable("Connection refused", 502),
    RequestTimedOut("over"),
    UpstreamRefusal("a proxy's", 502, upstream_status=502),
    UpstreamRefusal("a proxy's", 503, upstream_status=503),
    UpstreamRefusal("a proxy's", 504, upstream_status=504),
]
REFUSED = [
    UpstreamRefusal("no", 401, upstream_status=401),
    UpstreamRefusal("no", 502, upstream_status=500),
    UpstreamRefusal("nonsense", 502),
    StatusFailure("nonsense", 502),
]


@pytest.mark.parametrize("failure", UNREACHABLE)
@pytest.mark.parametrize("task_type", [TaskType.EMBEDDING, TaskType.CHAT_COMPLETION])
async def test_an_upstream_that_cannot_be_reached_does_not_keep_an_endpoint_from_being_stored(
    failure: Failure, task_type: TaskType
) -> None:
    assert await trial(Service(failure), task_type) == Tried(endpoint(task_type), failure.reason)


@pytest.mark.parametrize(
    ("mode", "failure"), [*(("lenient", failure) for failure in REFUSED)]
    + [*(("strict", failure) for failure in UNREACHABLE + REFUSED)],
)  # fmt: skip
async def test_anything_else_does(mode: Mode, failure: Failure) -> None:
    with pytest.raises(StatusFailure) as refused:
        await trial(Service(failure), TaskType.EMBEDDING, mode)
    assert refused.value.status == 400
    assert refused.value.reason == (
        "Could not complete inference endpoint creation as validation call to service threw an exception."
    )
    assert refused.value.cause is failure


@pytest.mark.parametrize("results", [Completions(["a"]), Embeddings([])])
async def test_an_answer_without_an_embedding(results: Results) -> None:
    with pytest.raises(StatusFailure) as refused:
        await trial(Service(results), TaskType.EMBEDDING)
    assert (refused.value.reason, refused.value.cause) == ("Could not determine embedding size", None)


async def test_a_size_that_does_not_match_is_told_as_it_is() -> None:
    with pytest.raises(StatusFailure, match=r"^The retrieved embeddings size does not match$"):
        await trial(Service(Embeddings([msgspec.Raw(b"[%b]" % b",".join([b"0"] * 13))])), TaskType.EMBEDDING)
