"""The contract between inferd and its services: what a provider plug-in must offer, and what it is given.

A service is a class named by an entry point of the group ``inferd.services``; inferd makes one object of it, handing
it Tools. The openai service comes through the same door. docs/services.md walks through a small one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import msgspec

from inferd.aside import Aside
from inferd.config import Config
from inferd.cutting import Cutter
from inferd.errors import Document
from inferd.ratelimit import RateLimits
from inferd.schema.chat_completion import ChatCompletionRequest, Chunk
from inferd.schema.endpoint import Endpoint, Secrets, TaskType
from inferd.schema.inference import Call, InferenceRequest, Results
from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.sender import Sender


Item_co = TypeVar("Item_co", covariant=True)


class Tools(msgspec.Struct):
    """What a service may use: the way out, the limits of all endpoints, where URLs may lead, the configuration.

    ``aside`` takes what would hold the loop, ``cutter`` cuts texts into passages.
    ``config`` is replaced on reload: look at it when you need it, keep nothing of it.
    """

    sender: Sender
    limits: RateLimits
    policy: AddressPolicy
    config: Config
    aside: Aside
    cutter: Cutter


class SettingInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One setting as ``GET _inference/_services`` describes it, in the key order of SettingsConfiguration."""

    default_value: Any = None
    description: str
    label: str
    required: bool
    sensitive: bool
    updatable: bool
    type: str
    supported_task_types: list[TaskType]


class Piped(Protocol[Item_co]):
    """What a stream of items may offer besides being iterated over: to hand them on in the moment they come."""

    async def pipe(
        self, write: Callable[[Sequence[Item_co]], bool], ready: Callable[[], Awaitable[None]]
    ) -> None:
        """Gives ``write`` what came together, with no turn of the loop in between, and returns at the end.

        ``write`` neither blocks nor raises, and tells whether more may come: if not, ``ready`` is awaited first. What
        ``ready`` raises ends it, like a Failure of the stream itself.
        """
        ...


class InferenceService(Protocol):
    """A provider plug-in.

    ``name`` is the word in ``"service": …``, ``label`` what people read. Every method raises an ``inferd.errors``
    Failure for what the client should be told; any other exception is a bug of the service.
    """

    name: str
    label: str
    task_types: frozenset[TaskType]

    def __init__(self, tools: Tools) -> None: ...

    def parse_endpoint(self, inference_id: str, task_type: TaskType, body: Document) -> tuple[Endpoint, Secrets]:
        """A new endpoint from the body of a PUT, ``service`` and ``task_type`` already taken out of it.

        Unknown keys must be refused, at every level.
        """
        ...

    def update_endpoint(self, endpoint: Endpoint, secrets: Secrets, changes: Document) -> tuple[Endpoint, Secrets]:
        """The endpoint with ``service_settings``, ``task_settings`` and ``chunking_settings`` of ``changes`` put in."""
        ...

    def restore_endpoint(self, document: Document, secrets: Secrets) -> Endpoint:
        """The endpoint that ``Endpoint.stored`` once wrote; lenient about what it does not know."""
        ...

    def with_embedding_size(self, endpoint: Endpoint, size: int) -> Endpoint:
        """The endpoint after its first embedding turned out to have ``size`` dimensions.

        StatusFailure if the user asked for another size.
        """
        ...

    async def infer(self, call: Call, request: InferenceRequest) -> Results:
        """The whole result of a ``text_embedding``, ``embedding`` or ``completion`` endpoint."""
        ...

    def stream_completion(
        self, call: Call, request: InferenceRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[str]]]:
        """The answer as it comes: entering means the upstream has begun to answer, leaving releases the connection.

        Each item holds the pieces of text that arrived together, at least one.
        """
        ...

    def chat_completion(
        self, call: Call, request: ChatCompletionRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Chunk]]]:
        """The same for a chat; each item holds the chunks that arrived together, at least one, none left out."""
        ...

    def settings_info(self) -> Mapping[str, SettingInfo]:
        """The settings of the service by name, for ``_services``."""
        ...
