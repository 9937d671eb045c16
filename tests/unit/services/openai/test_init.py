"""The service as a whole: endpoints parsed, changed and restored; the three tasks from call to result."""

from typing import Any

import msgspec
import pytest

from inferd.errors import Failure, StatusFailure, UpstreamRefusal, ValidationFailed
from inferd.schema.chat_completion import ChatCompletionRequest, Message
from inferd.schema.chunking import WordSettings
from inferd.schema.endpoint import Endpoint, Secrets, TaskType
from inferd.schema.inference import Completions, Embeddings, InferenceRequest, Passages
from inferd.services import InferenceService, Tools
from inferd.services.openai import OpenAIService
from inferd.services.openai.settings import OpenAITaskSettings
from tests.unit.services.openai.endpoints import OAUTH2, call
from tests.unit.services.openai.streams import drained
from tests.unit.services.openai.upstream import Reply, ScriptedClient, events, refusal

SETTINGS = {"api_key": "sk-secret", "model_id": "m"}


def parsed(
    service: OpenAIService, body: dict[str, Any], task_type: TaskType = TaskType.TEXT_EMBEDDING
) -> tuple[Endpoint, Secrets]:
    return service.parse_endpoint("e", task_type, body)


def reason_of(service: OpenAIService, body: dict[str, Any], task_type: TaskType = TaskType.TEXT_EMBEDDING) -> str:
    with pytest.raises(Failure) as failed:
        parsed(service, body, task_type)
    assert failed.value.status == 400
    return failed.value.reason


def test_it_is_a_service(service: OpenAIService) -> None:
    made: InferenceService = service
    assert (made.name, made.label) == ("openai", "OpenAI")
    assert "model_id" in made.settings_info()


def test_an_endpoint_is_parsed_and_its_secret_apart(service: OpenAIService) -> None:
    endpoint, secrets = parsed(service, {"service_settings": SETTINGS, "task_settings": {"user": "u"}})
    assert msgspec.json.encode(endpoint.shown()) == (
        b'{"inference_id":"e","task_type":"text_embedding","service":"openai",'
        b'"service_settings":{"model_id":"m","rate_limit":{"requests_per_minute":3000}},'
        b'"task_settings":{"user":"u"},'
        b'"chunking_settings":{"strategy":"sentence","max_chunk_size":250,"sentence_overlap":1}}'
    )
    assert dict(secrets) == {"api_key": "sk-secret"}
    assert "sk-secret" not in repr((endpoint, secrets))


def test_only_embeddings_are_chunked(service: OpenAIService) -> None:
    endpoint, _ = parsed(service, {"service_settings": SETTINGS}, TaskType.COMPLETION)
    assert endpoint.chunking_settings is None
    body = {"service_settings": SETTINGS, "chunking_settings": {"strategy": "none"}}
    assert reason_of(service, body, TaskType.COMPLETION) == (
        "Configuration contains settings [{chunking_settings={strategy=none}}] unknown to the [openai] service"
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "Missing required field [service_settings]"),
        (
            {"service_settings": 5},
            "Validation Failed: 1: field [service_settings] is not of the expected type. "
            "The value [5] cannot be converted to a [Map];",
        ),
        (
            {"service_settings": SETTINGS, "task_settings": [1]},
            "Validation Failed: 1: field [task_settings] is not of the expected type. "
            "The value [[1]] cannot be converted to a [Map];",
        ),
        (
            {"service_settings": SETTINGS | {"foo": {"a": [1, None]}}},
            "Configuration contains settings [{foo={a=[1, null]}}] unknown to the [openai] service",
        ),
        (
            {"service_settings": SETTINGS, "input_type": "ingest"},
            "Configuration contains settings [{input_type=ingest}] unknown to the [openai] service",
        ),
        (
            {"service_settings": SETTINGS | {"apikey": "sk-other"}},
            "Configuration contains settings [{apikey=***}] unknown to the [openai] service",
        ),
        (
            {"service_settings": SETTINGS | {"dimensions_set_by_user": True}},
            "Configuration contains settings [{dimensions_set_by_user=true}] unknown to the [openai] service",
        ),
        (
            {"service_settings": {"model_id": "m"}},
            "Validation Failed: 1: [service_settings] must have exactly one field of [api_key, client_secret] set;",
        ),
    ],
)
def test_what_cannot_be_is_refused(service: OpenAIService, body: dict[str, Any], reason: str) -> None:
    assert reason_of(service, body) == reason


@pytest.mark.parametrize("task_type", [TaskType.SPARSE_EMBEDDING, TaskType.RERANK])
def test_a_task_it_does_not_do(service: OpenAIService, task_type: TaskType) -> None:
    assert reason_of(service, {"service_settings": SETTINGS}, task_type) == (
        f"The [openai] service does not support task type [{task_type}]"
    )


@pytest.mark.parametrize("name", ["model", "model_id"])
def test_a_model_among_the_task_settings_is_moved(service: OpenAIService, name: str) -> None:
    endpoint, _ = parsed(service, {"service_settings": {"api_key": "k"}, "task_settings": {name: "m", "user": "u"}})
    assert endpoint.shown()["service_settings"]["model_id"] == "m"
    assert endpoint.shown()["task_settings"] == {"user": "u"}


def test_a_model_nowhere_is_missed(service: OpenAIService) -> None:
    assert "[model_id]" in reason_of(service, {"service_settings": {"api_key": "k"}, "task_settings": {"user": "u"}})


def test_an_update_merges_settings_and_replaces_chunking(service: OpenAIService) -> None:
    endpoint, secrets = parsed(
        service, {"service_settings": SETTINGS, "task_settings": {"user": "u", "headers": {"A": "1"}}}
    )
    changed, kept = service.update_endpoint(
        endpoint,
        secrets,
        {
            "service_settings": {"max_input_tokens": 5},
            "task_settings": {"headers": {"B": "2"}},
            "chunking_settings": {"strategy": "word", "max_chunk_size": 20},
        },
    )
    assert changed.shown()["service_settings"]["max_input_tokens"] == 5
    assert changed.task_settings == OpenAITaskSettings(user="u", headers={"B": "2"})
    assert changed.chunking_settings == WordSettings(max_chunk_size=20, overlap=10)
    assert kept is secrets


def test_an_update_of_nothing_changes_nothing(service: OpenAIService) -> None:
    endpoint, secrets = parsed(service, {"service_settings": SETTINGS})
    assert service.update_endpoint(endpoint, secrets, {}) == (endpoint, secrets)
    assert service.update_endpoint(endpoint, secrets, {"chunking_settings": None})[0] == endpoint


def test_an_update_may_change_the_secret(service: OpenAIService) -> None:
    endpoint, secrets = parsed(service, {"service_settings": SETTINGS})
    _, changed = service.update_endpoint(endpoint, secrets, {"service_settings": {"api_key": "sk-new"}})
    assert dict(changed) == {"api_key": "sk-new"}


@pytest.mark.parametrize("name", ["model_id", "url", "dimensions", "similarity", "client_id"])
def test_an_update_may_not_change_everything(service: OpenAIService, name: str) -> None:
    endpoint, secrets = parsed(service, {"service_settings": SETTINGS})
    with pytest.raises(StatusFailure) as failed:
        service.update_endpoint(endpoint, secrets, {"service_settings": {name: "x"}})
    assert failed.value.reason == (
        f"Configuration contains settings [{{{name}=x}}] unknown to the [openai] service"
    )


def test_an_update_cannot_chunk_a_completion(service: OpenAIService) -> None:
    endpoint, secrets = parsed(service, {"service_settings": SETTINGS}, TaskType.COMPLETION)
    with pytest.raises(StatusFailure, match="chunking_settings"):
        service.update_endpoint(endpoint, secrets, {"chunking_settings": {"strategy": "none"}})


@pytest.mark.parametrize("task_type", [TaskType.TEXT_EMBEDDING, TaskType.COMPLETION])
def test_what_was_stored_is_restored(service: OpenAIService, task_type: TaskType) -> None:
    body = {"service_settings": SETTINGS, "task_settings": {"user": "u", "headers": {"A": "1"}}}
    endpoint, secrets = parsed(service, body, task_type)
    stored = msgspec.json.decode(msgspec.json.encode(endpoint.stored()))
    assert service.restore_endpoint(stored, secrets) == endpoint


def test_a_newer_documents_fields_are_passed_over(service: OpenAIService) -> None:
    endpoint, secrets = parsed(service, {"service_settings": SETTINGS})
    stored = msgspec.json.decode(msgspec.json.encode(endpoint.stored()))
    stored["new"] = stored["service_settings"]["new"] = 1
    assert service.restore_endpoint(stored, secrets) == endpoint


def test_the_first_embedding_fills_in_size_and_similarity(service: OpenAIService) -> None:
    endpoint, _ = parsed(service, {"service_settings": SETTINGS})
    filled = service.with_embedding_size(endpoint, 3)
    assert filled.shown()["service_settings"] == {
        "model_id": "m",
        "similarity": "dot_product",
        "dimensions": 3,
        "rate_limit": {"requests_per_minute": 3000},
    }
    assert service.with_embedding_size(filled, 4).shown()["service_settings"]["dimensions"] == 4


def test_what_the_user_said_is_kept_or_contradicted(service: OpenAIService) -> None:
    body = {"service_settings": SETTINGS | {"dimensions": 3, "similarity": "cosine"}}
    endpoint, _ = parsed(service, body)
    assert service.with_embedding_size(endpoint, 3) == endpoint
    with pytest.raises(StatusFailure) as failed:
        service.with_embedding_size(endpoint, 4)
    assert failed.value.reason == (
        "The retrieved embeddings size [4] does not match the size specified in the settings [3]. "
        "Please recreate the [e] configuration with the correct dimensions"
    )


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
    with pytest.raises(StatusFailure, match="unknown field"):
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
