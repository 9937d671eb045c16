"""The openai service: OpenAI itself and every server that speaks as it does (vLLM, llama.cpp, Ollama …)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec

from inferd.chunking.settings import parse as parse_chunking_settings
from inferd.errors import Document, StatusFailure, ValidationFailed
from inferd.schema.chat_completion import ChatCompletionRequest, Chunk
from inferd.schema.chunking import ChunkingSettings
from inferd.schema.endpoint import EMBEDDING_TASKS, Endpoint, Secrets, TaskType
from inferd.schema.inference import Call, Embeddings, InferenceRequest, Results
from inferd.services import SettingInfo, Tools
from inferd.services.fields import Fields, object_in, refuse_unknown
from inferd.services.openai import chat_completion, completion
from inferd.services.openai.chunked import ChunkedTask
from inferd.services.openai.embeddings import EmbeddingsTask
from inferd.services.openai.errands import Errands, settings_of, task_settings_of
from inferd.services.openai.info import settings_info
from inferd.services.openai.reading import Reading
from inferd.services.openai.settings import (
    SCOPE,
    OpenAISettings,
    OpenAITaskSettings,
    override_task_settings,
    parse_secrets,
    parse_service_settings,
    parse_task_settings,
    task_fields,
    update_secrets,
    update_service_settings,
)

# CPython 3.11 takes 0.2 µs to find an enum's member, and next to nothing to find a module's own name.
_COMPLETION = TaskType.COMPLETION


class OpenAIService:
    """See InferenceService."""

    name = "openai"
    label = "OpenAI"
    task_types = frozenset(
        {TaskType.TEXT_EMBEDDING, TaskType.COMPLETION, TaskType.CHAT_COMPLETION, TaskType.EMBEDDING}
    )

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._errands = Errands(tools)
        self._embeddings = EmbeddingsTask(self._answer, tools.aside)
        self._chunked = ChunkedTask(self._embeddings, tools.cutter, tools.aside)

    def parse_endpoint(self, inference_id: str, task_type: TaskType, body: Document) -> tuple[Endpoint, Secrets]:
        """See InferenceService; the checks come in Elasticsearch's order (OpenAiService.parseRequestConfig)."""
        given = object_in(body, "service_settings")
        if given is None:
            raise StatusFailure("Missing required field [service_settings]")
        task_given = object_in(body, "task_settings")
        chunking = self._chunking(body) if task_type in EMBEDDING_TASKS else None
        if task_type not in self.task_types:
            raise StatusFailure(f"The [{self.name}] service does not support task type [{task_type}]")
        fields = Fields(_with_legacy_model(given, task_given), SCOPE)
        secret_fields = fields.split("api_key", "client_secret")
        settings = parse_service_settings(fields, task_type, self._tools.policy.check_url)
        given_for_task = task_fields(task_given)
        task_settings = parse_task_settings(given_for_task)
        secrets = parse_secrets(secret_fields, oauth2=settings.client_id is not None)
        refuse_unknown(self.name, body, fields.leftover, given_for_task.leftover)
        endpoint = Endpoint(
            inference_id=inference_id,
            task_type=task_type,
            service=self.name,
            service_settings=settings,
            task_settings=task_settings,
            chunking_settings=chunking,
        )
        return endpoint, secrets

    def update_endpoint(self, endpoint: Endpoint, secrets: Secrets, changes: Document) -> tuple[Endpoint, Secrets]:
        """See InferenceService; settings merge, chunking settings are replaced (UpdateInferenceModelAction)."""
        fields = Fields(object_in(changes, "service_settings") or {}, SCOPE)
        given_for_task = task_fields(object_in(changes, "task_settings"))
        chunking = endpoint.chunking_settings
        if endpoint.task_type in EMBEDDING_TASKS and changes.get("chunking_settings"):
            chunking = self._chunking(changes)
        secret_fields = fields.split("api_key", "client_secret")
        old, old_task = _settings_in(endpoint)
        settings = update_service_settings(old, fields, self._tools.policy.check_url)
        task_settings = override_task_settings(old_task, given_for_task)
        secrets = update_secrets(secrets, secret_fields)
        unused = changes if endpoint.task_type not in EMBEDDING_TASKS else {}
        refuse_unknown(self.name, unused, fields.leftover, given_for_task.leftover)
        updated = msgspec.structs.replace(
            endpoint, service_settings=settings, task_settings=task_settings, chunking_settings=chunking
        )
        return updated, secrets

    def restore_endpoint(self, document: Document, secrets: Secrets) -> Endpoint:
        """See InferenceService."""
        return Endpoint(
            inference_id=document["inference_id"],
            task_type=TaskType(document["task_type"]),
            service=self.name,
            service_settings=msgspec.convert(document["service_settings"], OpenAISettings),
            task_settings=msgspec.convert(document.get("task_settings", {}), OpenAITaskSettings),
            chunking_settings=msgspec.convert(document.get("chunking_settings"), ChunkingSettings | None),
        )

    def with_embedding_size(self, endpoint: Endpoint, size: int) -> Endpoint:
        """See InferenceService; ``similarity`` is filled in too (OpenAiService.updateModelWithEmbeddingDetails)."""
        settings, _ = _settings_in(endpoint)
        if settings.dimensions_set_by_user and settings.dimensions != size:
            raise StatusFailure(
                f"The retrieved embeddings size [{size}] does not match the size specified in the settings "
                f"[{settings.dimensions}]. Please recreate the [{endpoint.inference_id}] configuration "
                "with the correct dimensions"
            )
        settings = msgspec.structs.replace(
            settings, dimensions=size, similarity=settings.similarity or "dot_product"
        )
        return msgspec.structs.replace(endpoint, service_settings=settings)

    async def infer(self, call: Call, request: InferenceRequest) -> Results:
        """See InferenceService."""
        call = self._begun(call, request)
        user = task_settings_of(call).user
        if call.endpoint.task_type is _COMPLETION:
            body = completion.body(settings_of(call), request.input, user, stream=False)
            return completion.results(call, await self._answer(call, body))
        _refuse_input_type(call, request)
        if request.chunk:
            chunking = self._requested_chunking(request)
            return await self._chunked.passages(call, request.input, chunking, user)
        return Embeddings(await self._embeddings.vectors(call, request.input, user))

    def stream_completion(
        self, call: Call, request: InferenceRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[str]]]:
        """See InferenceService."""
        call = self._begun(call, request)
        body = completion.body(settings_of(call), request.input, task_settings_of(call).user, stream=True)
        return Reading(self._tools.sender, self._errands.made(call, body), completion.TextReader)

    def chat_completion(
        self, call: Call, request: ChatCompletionRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Chunk]]]:
        """See InferenceService."""
        call = self._errands.begun(call, task_settings_of(call))
        body = chat_completion.body(settings_of(call), request, task_settings_of(call).user)
        return Reading(self._tools.sender, self._errands.made(call, body), chat_completion.ChunkReader)

    def settings_info(self) -> Mapping[str, SettingInfo]:
        """See InferenceService."""
        return settings_info()

    def _begun(self, call: Call, request: InferenceRequest) -> Call:
        if not request.task_settings:
            return self._errands.begun(call, task_settings_of(call))
        given = task_fields(request.task_settings)
        settings = override_task_settings(task_settings_of(call), given)
        refuse_unknown(self.name, given.leftover)
        return self._errands.begun(call, settings)

    async def _answer(self, call: Call, body: bytes) -> bytes:
        errand = await self._errands.made(call, body)
        answer = await self._tools.sender.answer(errand)
        if not answer.body:
            raise errand.failed(
                f"Response body was empty for request from inference entity id [{call.inference_id}]", 502
            )
        return answer.body

    def _requested_chunking(self, request: InferenceRequest) -> ChunkingSettings | None:
        if request.chunking_settings is None:
            return None
        return self._chunking({"chunking_settings": request.chunking_settings})

    def _chunking(self, body: Document) -> ChunkingSettings:
        return parse_chunking_settings(
            body.pop("chunking_settings", None), self._tools.config.chunking.max_chunk_size_limit
        )


def _settings_in(endpoint: Endpoint) -> tuple[OpenAISettings, OpenAITaskSettings]:
    assert isinstance(endpoint.service_settings, OpenAISettings)
    assert isinstance(endpoint.task_settings, OpenAITaskSettings)
    return endpoint.service_settings, endpoint.task_settings


def _with_legacy_model(settings: Document, task_settings: Document | None) -> Document:
    """Early clients sent the model among the task settings (OpenAiService.moveModelFromTaskToServiceSettings)."""
    if "model_id" in settings or task_settings is None:
        return settings
    for name in ("model", "model_id"):
        if name in task_settings:
            return settings | {"model_id": task_settings.pop(name)}
    return settings


def _refuse_input_type(call: Call, request: InferenceRequest) -> None:
    if request.input_type not in (None, "unspecified") and call.endpoint.task_type is TaskType.TEXT_EMBEDDING:
        raise ValidationFailed(
            [f"Invalid input_type [{request.input_type}]. The input_type option is not supported by this service"]
        )
