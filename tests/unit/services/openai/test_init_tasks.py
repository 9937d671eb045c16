"""The service's three tasks, from call to result."""

from typing import Any

import msgspec
import pytest

from inferd.errors import StatusFailure, UpstreamRefusal, ValidationFailed
from inferd.schema.chat_completion import ChatCompletionRequest, Message
from inferd.schema.endpoint import Secrets, TaskType
from inferd.schema.inference import Completions, Embeddings, InferenceRequest, Passages
from inferd.services import Tools
from inferd.services.openai import OpenAIService
from inferd.services.openai.settings import OpenAITaskSettings
from tests.unit.services.openai.endpoints import OAUTH2, call
from tests.unit.services.openai.streams import drained
from tests.unit.services.openai.upstream import Reply, ScriptedClient, events, refusal


async def test_texts_are_embedded(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [Reply(b'{"data":[{"embedding":[1]},{"embedding":[2]}]}')]
    results = await service.infer(call(TaskType.TEXT_EMBEDDING), InferenceRequest(input=["a", "b"]))
    assert results == Embeddings([msgspec.Raw(b"[1]"), msgspec.Raw(b"[2]")])


async def test_task_settings_of_the_request_come_first(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [Reply(b'{"data":[{"embedding":[1]}]}')]
    made = call(TaskType.EMBEDDING, task_settings=OpenAITaskSettings(user="u", headers={"X-A": "1"}))
    await service.infer(made, InferenceRequest(input=["a"], task_settings={"user": "v"}))
    assert upstream.documents()[0]["user"] == "v"
    assert ("X-A", "1") in upstream.requests[0].headers
    with pytest.raises(StatusFailure, match=r"\{usr=v\}"):
        await service.infer(made, InferenceRequest(input=["a"], task_settings={"usr": "v"}))


async def test_input_type_is_not_for_this_service(service: OpenAIService, upstream: ScriptedClient) -> None:
    with pytest.raises(ValidationFailed) as failed:
        await service.infer(call(TaskType.TEXT_EMBEDDING), InferenceRequest(input=["a"], input_type="search"))
    assert failed.value.reason == (
        "Validation Failed: 1: Invalid input_type [search]. The input_type option is not supported by this service;"
    )
    for task_type, input_type in ((TaskType.TEXT_EMBEDDING, "unspecified"), (TaskType.EMBEDDING, "search")):
        upstream.replies = [Reply(b'{"data":[{"embedding":[1]}]}')]
        await service.infer(call(task_type), InferenceRequest(input=["a"], input_type=input_type))


@pytest.mark.parametrize("settings", [None, {"strategy": "none"}])
async def test_passages_are_embedded(
    service: OpenAIService, upstream: ScriptedClient, settings: dict[str, str] | None
) -> None:
    upstream.replies = [Reply(b'{"data":[{"embedding":[1]}]}')]
    request = InferenceRequest(input=["One text."], chunk=True, chunking_settings=settings)
    results = await service.infer(call(TaskType.TEXT_EMBEDDING), request)
    assert isinstance(results, Passages)
    assert b'"embedding":[1]' in bytes(results.inputs[0])


async def test_a_text_is_completed(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [Reply(b'{"choices":[{"message":', b'{"content":"hello"}}]}')]
    results = await service.infer(call(TaskType.COMPLETION), InferenceRequest(input=["hi"]))
    assert results == Completions(["hello"])
    assert upstream.bodies() == [
        b'{"messages":[{"content":"hi","role":"user"}],"model":"m","n":1,"stream":false}'
    ]


@pytest.mark.parametrize(
    ("task_type", "what"),
    [(TaskType.COMPLETION, "OpenAI chat completions"), (TaskType.EMBEDDING, "OpenAI embeddings")],
)
async def test_an_empty_answer_is_none(
    service: OpenAIService, upstream: ScriptedClient, task_type: TaskType, what: str
) -> None:
    upstream.replies = [Reply()]
    with pytest.raises(StatusFailure) as failed:
        await service.infer(call(task_type), InferenceRequest(input=["hi"]))
    assert (failed.value.status, failed.value.reason) == (
        502,
        f"Failed to send {what} request. Cause: Response body was empty for request from inference entity id [e]",
    )


async def test_a_completion_streams(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [Reply(events(b'{"choices":[{"delta":{"content":"a"}}]}'), events(b"[DONE]"))]
    request = InferenceRequest(input=["hi"], task_settings={"user": "u"})
    async with service.stream_completion(call(TaskType.COMPLETION), request) as texts:
        assert await drained(texts) == ["a"]
    assert upstream.given[0].closed
    assert upstream.documents()[0]["user"] == "u"


async def chat(service: OpenAIService, **more: Any) -> list[Any]:
    request = ChatCompletionRequest(messages=[Message(content="hi", role="user")])
    async with service.chat_completion(call(TaskType.CHAT_COMPLETION, **more), request) as chunks:
        return await drained(chunks)


async def test_a_chat_streams(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [Reply(events(b'{"id":"1","choices":[]}', b'{"id":"2","choices":[]}', b"[DONE]"))]
    assert [chunk.id for chunk in await chat(service)] == ["1", "2"]
    assert upstream.given[0].closed


async def test_a_refused_chat_fails_before_anything_is_given(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [refusal(404, "no such model")]
    with pytest.raises(UpstreamRefusal) as refused:
        await chat(service)
    assert refused.value.status == 404
    assert upstream.given[0].closed


async def test_an_error_in_the_first_event_fails_then_too(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [Reply(events(b'{"error":{"message":"m","type":"t","code":429}}'))]
    with pytest.raises(UpstreamRefusal) as refused:
        await chat(service)
    assert refused.value.status == 429
    assert upstream.given[0].closed


@pytest.mark.parametrize("status", [413, 400])
async def test_a_chat_is_never_shortened(service: OpenAIService, upstream: ScriptedClient, status: int) -> None:
    upstream.replies = [refusal(status, "Please reduce your prompt; or completion length.")]
    with pytest.raises(UpstreamRefusal, match="content too large"):
        await chat(service, max_input_tokens=1)
    assert upstream.documents()[0]["messages"] == [{"content": "hi", "role": "user"}]
    assert len(upstream.requests) == 1


async def test_with_oauth2_a_refused_token_is_not_used_again(service: OpenAIService, upstream: ScriptedClient) -> None:
    upstream.replies = [
        Reply(b'{"access_token":"one","expires_in":3600}'),
        refusal(401, "token one is revoked"),
        Reply(b'{"access_token":"two","expires_in":3600}'),
        Reply(events(b'{"id":"1","choices":[]}', b'{"error":"two expired"}')),
    ]
    secrets = Secrets({"client_secret": "s3cret"})
    with pytest.raises(UpstreamRefusal) as refused:
        await chat(service, secrets=secrets, **OAUTH2)
    assert refused.value.reason.endswith("status [401]. Error message: [token *** is revoked]")
    with pytest.raises(UpstreamRefusal) as broken:
        await chat(service, secrets=secrets, **OAUTH2)
    assert broken.value.reason.endswith("Error message: [*** expired]")
    keys = [dict(request.headers)["Authorization"] for request in upstream.requests]
    assert keys[1::2] == ["Bearer one", "Bearer two"]


async def test_places_are_taken_for_requests_and_not_for_tokens(
    service: OpenAIService, upstream: ScriptedClient, tools: Tools
) -> None:
    upstream.replies = [
        Reply(b'{"access_token":"one","expires_in":3600}'),
        Reply(b'{"choices":[{"message":{"content":"hello"}}]}'),
    ]
    made = call(TaskType.COMPLETION, secrets=Secrets({"client_secret": "s"}), **OAUTH2)
    await service.infer(made, InferenceRequest(input=["hi"]))
    assert [limit.given for limit in tools.limits] == [1]
