"""What the inference routes without chat have in common: which endpoint is meant, and what it is asked."""

from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from inferd.errors import RequestInvalid, StatusFailure
from inferd.rest import embedding_request, long_body
from inferd.rest.input_type import parse as parse_input_type
from inferd.rest.request import Request
from inferd.rest.shape import decode, unknown_field
from inferd.schema.endpoint import EMBEDDING_TASKS, Endpoint, TaskType
from inferd.schema.inference import InferenceRequest
from inferd.steps import LONG
from inferd.xcontent import decoder_of, parse_object

PARSER = "cluster:internal/xpack/inference"

# CPython 3.11 takes 0.2 µs to find an enum's member, and next to nothing to find a module's own name.
_ANY, _CHAT, _COMPLETION = TaskType.ANY, TaskType.CHAT_COMPLETION, TaskType.COMPLETION
_EMBEDDING, _RERANK = TaskType.EMBEDDING, TaskType.RERANK


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """``timeout`` is taken and has no effect: only the query parameter counts (BaseInferenceActionRequest)."""

    input: list[str] | str | UnsetType = UNSET
    input_type: str | UnsetType = UNSET
    task_settings: dict[str, Any] | UnsetType = UNSET
    timeout: str | UnsetType = UNSET
    chunk: bool | UnsetType | None = UNSET
    chunking_settings: Any = UNSET


_BODY = decoder_of(_Body)


async def read(request: Request) -> tuple[Endpoint, InferenceRequest]:
    """The endpoint and the checked request.

    Where the path names no task type the endpoint is looked up before the body is read, else after it
    (TransportInferenceActionProxy). StatusFailure 400 for a chat: those stream, through ``_unified`` only.
    """
    requested, inference_id, store = request.asked.task_type, request.asked.inference_id, request.parts.store
    task_type = store.get(inference_id).task_type if requested is _ANY else requested
    if task_type is _CHAT:
        raise chat_refused(inference_id)
    raw, named = request.at_hand(), requested is not _ANY
    if raw is None:
        raw = await request.raw()
    if len(raw) <= LONG:
        asked = _parsed(raw, task_type, named)
    else:
        asked = await long_body.checked(request.parts.aside, raw, partial(_parsed, task_type=task_type, named=named))
    endpoint = store.get(inference_id)
    if requested is not endpoint.task_type:
        if endpoint.task_type is _CHAT:
            raise chat_refused(inference_id)
        check_requested(requested, endpoint)
    return endpoint, asked


def check_requested(requested: TaskType, endpoint: Endpoint) -> None:
    """StatusFailure 400 if the path names another task type than the endpoint has."""
    if requested not in (_ANY, endpoint.task_type):
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


def _parsed(raw: bytes, task_type: TaskType, named: bool) -> InferenceRequest:
    if task_type is _EMBEDDING:
        return embedding_request.parse(raw)
    if task_type is _RERANK:
        # No endpoint reranks, so its body is only looked at for being JSON: what follows refuses it anyway.
        parse_object(raw)
        return InferenceRequest(input=[])
    body = decode(raw, _BODY, PARSER)
    texts = [body.input] if isinstance(body.input, str) else body.input
    # Most bodies say nothing else.
    if texts and body.input_type is body.task_settings is body.chunk is body.chunking_settings is UNSET:
        return InferenceRequest(texts)
    return _checked(raw, body, task_type, named)


def _checked(raw: bytes, body: _Body, task_type: TaskType, named: bool) -> InferenceRequest:
    if body.chunk is not UNSET or body.chunking_settings is not UNSET:
        _refuse_chunking(raw, body, task_type)
    input_type = None if body.input_type is UNSET else parse_input_type(raw, body.input_type, PARSER)
    problems = []
    if body.input is UNSET:
        problems.append("Field [input] cannot be null")
    elif not body.input and body.input != "":
        problems.append("Field [input] cannot be an empty array")
    if input_type is not None and named and task_type is _COMPLETION:
        problems.append(f"Field [input_type] cannot be specified for task type [{task_type}]")
    if body.chunking_settings not in (UNSET, None) and body.chunk is not True:
        problems.append(embedding_request.WITHOUT_CHUNK)
    if problems:
        raise RequestInvalid(problems)
    return InferenceRequest(
        input=[body.input] if isinstance(body.input, str) else body.input or [],
        input_type=input_type,
        task_settings=None if body.task_settings is UNSET else body.task_settings,
        chunk=body.chunk is True,
        chunking_settings=None if body.chunking_settings is UNSET else body.chunking_settings,
    )


def _refuse_chunking(raw: bytes, body: _Body, task_type: TaskType) -> None:
    """Only embeddings are chunked; for the others the fields do not exist."""
    if task_type in EMBEDDING_TASKS:
        return
    name = "chunk" if body.chunk is not UNSET else "chunking_settings"
    raise unknown_field(raw, name, PARSER, ())
