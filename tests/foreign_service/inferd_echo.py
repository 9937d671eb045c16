"""A service for inferd that repeats what it is told: the smallest plug-in that can do everything a service does."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from inferd.errors import Document, StatusFailure
from inferd.schema.chat_completion import ChatCompletionRequest, Choice, Chunk, Delta
from inferd.schema.endpoint import Endpoint, Secrets, Settings, TaskType
from inferd.schema.inference import Call, Completions, Embeddings, InferenceRequest, Results
from inferd.services import SettingInfo, Tools
from inferd.services.fields import Fields, object_in, refuse_unknown


class EchoSettings(Settings, frozen=True):
    """``prefix`` is put before every answer."""

    prefix: str | None = None


class EchoService:
    """See inferd.services.InferenceService, which says what each of these must do."""

    name = "echo"
    label = "Echo"
    task_types = frozenset({TaskType.TEXT_EMBEDDING, TaskType.COMPLETION, TaskType.CHAT_COMPLETION})

    def __init__(self, tools: Tools) -> None:
        # The way out (tools.sender), the limits and the configuration: an echo needs none of them.
        self._tools = tools

    def parse_endpoint(self, inference_id: str, task_type: TaskType, body: Document) -> tuple[Endpoint, Secrets]:
        if task_type not in self.task_types:
            raise StatusFailure(f"The [{self.name}] service does not support task type [{task_type}]")
        settings, secrets = self._settings(body)
        endpoint = Endpoint(
            inference_id=inference_id,
            task_type=task_type,
            service=self.name,
            service_settings=settings,
            task_settings=Settings(),
        )
        return endpoint, secrets

    def update_endpoint(self, endpoint: Endpoint, secrets: Secrets, changes: Document) -> tuple[Endpoint, Secrets]:
        settings, new = self._settings(changes)
        return msgspec.structs.replace(endpoint, service_settings=settings), new or secrets

    def restore_endpoint(self, document: Document, secrets: Secrets) -> Endpoint:
        return Endpoint(
            inference_id=document["inference_id"],
            task_type=TaskType(document["task_type"]),
            service=self.name,
            service_settings=msgspec.convert(document["service_settings"], EchoSettings),
            task_settings=Settings(),
        )

    def with_embedding_size(self, endpoint: Endpoint, size: int) -> Endpoint:
        return endpoint

    async def infer(self, call: Call, request: InferenceRequest) -> Results:
        if call.endpoint.task_type is TaskType.COMPLETION:
            return Completions([_prefix(call) + text for text in request.input])
        if request.chunk:
            raise StatusFailure(f"The [{self.name}] service does not chunk")
        vectors = ([len(text), len(text.split()), text.count("e")] for text in request.input)
        return Embeddings([msgspec.Raw(msgspec.json.encode(vector)) for vector in vectors])

    @asynccontextmanager
    async def stream_completion(
        self, call: Call, request: InferenceRequest
    ) -> AsyncIterator[AsyncIterator[Sequence[str]]]:
        # What is raised up to the yield is answered with its own status; after it, as an error event.
        if not "".join(request.input).strip():
            raise StatusFailure("There is nothing to repeat")
        yield _words(_prefix(call) + " ".join(request.input))

    @asynccontextmanager
    async def chat_completion(
        self, call: Call, request: ChatCompletionRequest
    ) -> AsyncIterator[AsyncIterator[Sequence[Chunk]]]:
        said = request.messages[-1].content
        if not isinstance(said, str):
            raise StatusFailure("Only text can be repeated")
        yield _chunks(_words(_prefix(call) + said))

    def settings_info(self) -> Mapping[str, SettingInfo]:
        return {
            "api_key": self._info("API Key", "An echo keeps it as well as any.", sensitive=True),
            "prefix": self._info("Prefix", "What every answer begins with."),
        }

    def _settings(self, body: Document) -> tuple[EchoSettings, Secrets]:
        fields = Fields(object_in(body, "service_settings") or {}, "service_settings")
        settings = EchoSettings(prefix=fields.string("prefix"))
        key = fields.header_value("api_key")
        fields.done()
        refuse_unknown(self.name, body, fields.leftover)
        return settings, Secrets({"api_key": key} if key is not None else {})

    def _info(self, label: str, description: str, *, sensitive: bool = False) -> SettingInfo:
        return SettingInfo(
            description=description,
            label=label,
            required=False,
            sensitive=sensitive,
            updatable=True,
            type="str",
            supported_task_types=sorted(self.task_types),
        )


def _prefix(call: Call) -> str:
    assert isinstance(call.endpoint.service_settings, EchoSettings)
    return call.endpoint.service_settings.prefix or ""


async def _words(text: str) -> AsyncIterator[Sequence[str]]:
    for word in re.findall(r"\S+\s*", text):
        yield [word]


async def _chunks(words: AsyncIterator[Sequence[str]]) -> AsyncIterator[Sequence[Chunk]]:
    async for piece in words:
        yield [_chunk(Choice(delta=Delta(content=word), index=0)) for word in piece]
    yield [_chunk(Choice(delta=Delta(), finish_reason="stop", index=0))]


def _chunk(choice: Choice) -> Chunk:
    return Chunk(id="echo", choices=[choice], model="echo", object="chat.completion.chunk")
