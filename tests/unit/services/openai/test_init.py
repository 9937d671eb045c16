"""The service's endpoints: parsed, changed, restored, and told the size of their embeddings."""

from typing import Any

import msgspec
import pytest

from inferd.errors import Failure, StatusFailure
from inferd.schema.chunking import WordSettings
from inferd.schema.endpoint import Endpoint, Secrets, TaskType
from inferd.services import InferenceService
from inferd.services.openai import OpenAIService
from inferd.services.openai.settings import OpenAITaskSettings

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
            {"service_settings": SETTINGS, "task_settings": {"usr": "u"}},
            "Configuration contains settings [{usr=u}] unknown to the [openai] service",
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


def test_an_update_names_task_settings_that_are_none(service: OpenAIService) -> None:
    endpoint, secrets = parsed(service, {"service_settings": SETTINGS})
    with pytest.raises(StatusFailure, match="usr=u"):
        service.update_endpoint(endpoint, secrets, {"task_settings": {"usr": "u"}})


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
