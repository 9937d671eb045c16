"""One inference: what is asked, how long it may take, what came of it, and what befell it on the way."""

from typing import Any

import msgspec

from inferd.errors import Document, RequestTimedOut
from inferd.schema.endpoint import Endpoint, Secrets, TaskType


class Deadline(msgspec.Struct, frozen=True):
    """When a request's time is over: ``at`` in seconds of the loop's clock, ``text`` as Elasticsearch prints it."""

    at: float
    text: str

    def failure(self, inference_id: str) -> RequestTimedOut:
        """What to raise once the time is over."""
        return RequestTimedOut(f"Request timed out after [{self.text}] for inference id [{inference_id}]")


class Trace(msgspec.Struct):
    """What befell one request, for its log line and the metrics; times in seconds, None or 0 while unknown.

    ``task_type`` is that of the endpoint, None as long as none was found.
    """

    task_type: TaskType | None = None
    queued: float = 0.0
    attempts: int = 0
    retries: int = 0
    upstream_status: int | None = None
    upstream_time: float = 0.0
    first_chunk: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0


class Call(msgspec.Struct, frozen=True):
    """What a service needs besides the request: the endpoint as it was when the request began, and its time.

    ``attempts`` bounds the attempts upstream of the trial of an endpoint that is not stored yet; None leaves it to the
    service. ``traceparent`` is the client's, valid, to be handed on.
    """

    endpoint: Endpoint
    secrets: Secrets
    deadline: Deadline
    trace: Trace
    attempts: int | None = None
    traceparent: str | None = None

    @property
    def inference_id(self) -> str:
        """The endpoint's id."""
        return self.endpoint.inference_id

    @property
    def is_trial(self) -> bool:
        """True for the trial: how it fails says nothing of the endpoint that may be stored under the same id."""
        return self.attempts is not None


class InferenceRequest(msgspec.Struct, frozen=True):
    """The common request of ``text_embedding``, ``embedding`` and ``completion``, checked.

    ``task_settings`` override the endpoint's; ``chunking_settings`` (as sent, or None) are looked at only with
    ``chunk``.
    """

    input: list[str]
    input_type: str | None = None
    task_settings: Document | None = None
    chunk: bool = False
    chunking_settings: Any = None


class Embeddings(msgspec.Struct, frozen=True):
    """One vector an input, in the order of the inputs, each as JSON text: what came as numbers is never rounded."""

    vectors: list[msgspec.Raw]


class Passages(msgspec.Struct, frozen=True):
    """Embedded passages: for each input ``{"chunks": [{text, text_offset, embedding}, …]}`` as JSON text."""

    inputs: list[msgspec.Raw]


class Completions(msgspec.Struct, frozen=True):
    """The texts a model answered with, one for each choice."""

    texts: list[str]


Results = Embeddings | Passages | Completions
