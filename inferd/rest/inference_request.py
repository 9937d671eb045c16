"""What the inference routes without chat have in common: which endpoint is meant, and what it is asked."""

from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from inferd.errors import IllegalArgument, MalformedContent, RequestInvalid, StatusFailure
from inferd.rest import long_body
from inferd.rest.request import Request
from inferd.rest.shape import decode, failed_field
from inferd.schema.endpoint import EMBEDDING_TASKS, Endpoint, TaskType
from inferd.schema.inference import InferenceRequest
from inferd.xcontent import place_of

PARSER = "cluster:internal/xpack/inference"

_INPUT_TYPES = frozenset({"ingest", "search", "classification", "clustering", "unspecified"})


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """``timeout`` is taken and has no effect: only the query parameter counts (BaseInferenceActionRequest)."""

    input: list[str] | str | None = None
    input_type: str | None = None
    task_settings: dict[str, Any] | None = None
    timeout: str | None = None
    chunk: bool | UnsetType | None = UNSET
    chunking_settings: Any = UNSET


_BODY = msgspec.json.Decoder(_Body)


async def read(request: Request) -> tuple[Endpoint, InferenceRequest]:
    """The endpoint and the checked request.

    Where the path names no task type the endpoint is looked up before the body is read, else after it
    (TransportInferenceActionProxy). StatusFailure 400 for a chat: those stream, through ``_unified`` only.
    """
    requested, store = request.task_type, request.parts.store
    endpoint = store.get(request.inference_id) if requested is TaskType.ANY else None
    task_type = endpoint.task_type if endpoint is not None else requested
    if task_type is TaskType.CHAT_COMPLETION:
        raise chat_refused(request.inference_id)
    check = partial(_checked, task_type=task_type, named=requested is not TaskType.ANY)
    asked = await long_body.checked(request.parts.aside, await request.raw(), check)
    endpoint = store.get(request.inference_id)
    if endpoint.task_type is TaskType.CHAT_COMPLETION:
        raise chat_refused(request.inference_id)
    check_requested(requested, endpoint)
    return endpoint, asked


def check_requested(requested: TaskType, endpoint: Endpoint) -> None:
    """StatusFailure 400 if the path names another task type than the endpoint has."""
    if requested not in (TaskType.ANY, endpoint.task_type):
        raise StatusFailure(
            f"Incompatible task_type, the requested type [{requested}] "
            f"does not match the model type [{endpoint.task_type}]"
        )


def chat_refused(inference_id: str) -> StatusFailure:
    """What is said to a chat that comes any other way than through ``_unified``."""
    return StatusFailure(
        f"Inference entity [{inference_id}] does not support task type [chat_completion] for inference, "
        "the task type must be one of [text_embedding, embedding, completion]. The task type for the inference "
        f"entity is chat_completion, please use the _inference/chat_completion/{inference_id}/_unified URL."
    )


def _checked(raw: bytes, task_type: TaskType, *, named: bool) -> InferenceRequest:
    body = decode(raw, _BODY, PARSER)
    problems = []
    if body.input is None:
        problems.append("Field [input] cannot be null")
    elif body.input == []:
        problems.append("Field [input] cannot be an empty array")
    input_type = _input_type(raw, body.input_type)
    if input_type is not None and named and task_type is TaskType.COMPLETION:
        problems.append(f"Field [input_type] cannot be specified for task type [{task_type}]")
    if task_type in EMBEDDING_TASKS and body.chunking_settings not in (UNSET, None) and body.chunk is not True:
        problems.append("Field [chunking_settings] can only be specified together with [chunk] set to [true]")
    if problems:
        raise RequestInvalid(problems)
    texts = [body.input] if isinstance(body.input, str) else body.input or []
    if task_type not in EMBEDDING_TASKS:
        _refuse_chunking(raw, body)
    return InferenceRequest(
        input=texts,
        input_type=input_type,
        task_settings=body.task_settings,
        chunk=body.chunk is True,
        chunking_settings=None if body.chunking_settings is UNSET else body.chunking_settings,
    )


def _input_type(raw: bytes, given: str | None) -> str | None:
    if given is None:
        return None
    name = given.strip().lower()
    if name not in _INPUT_TYPES:
        cause = (
            f"Unrecognized input_type [{name}]"
            if name.startswith("internal_")
            else f"No enum constant org.elasticsearch.inference.InputType.{given.strip().upper()}"
        )
        raise failed_field(raw, ("input_type",), PARSER) from IllegalArgument(cause)
    return name


def _refuse_chunking(raw: bytes, body: _Body) -> None:
    """Only embeddings are chunked; for the others the fields do not exist."""
    for name in ("chunk", "chunking_settings"):
        if getattr(body, name) is not UNSET:
            raise MalformedContent(f"{place_of(raw, (name,))} [{PARSER}] unknown field [{name}]")
