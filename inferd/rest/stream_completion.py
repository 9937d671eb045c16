"""``POST _inference/{task_type}/{id}/_stream``: a completion as it is written."""

from collections.abc import Sequence

import msgspec

from inferd import sse
from inferd.errors import Document, StatusFailure, envelope
from inferd.rest import chat_completion_unified, inference_request
from inferd.rest.answer import Answer
from inferd.rest.inference import document
from inferd.rest.long_answer import LongAnswer
from inferd.rest.request import Request
from inferd.rest.stream import HEADERS, EventStream
from inferd.schema.endpoint import TaskType

_ENCODER = msgspec.json.Encoder()


class _Delta(msgspec.Struct):
    delta: str


class _Event(msgspec.Struct):
    completion: list[_Delta]


async def handle(request: Request) -> Answer:
    """``{"completion":[{"delta":…}]}`` for each piece of text; an ``embedding`` comes whole, in one event."""
    if request.parts.config.compat.chat_on_stream_route and _is_chat(request):
        request.carrier = "chat"
        return await chat_completion_unified.handle(request)
    endpoint, asked = await inference_request.read(request)
    service = request.parts.services.of(endpoint)
    if endpoint.task_type is TaskType.EMBEDDING:
        results = await service.infer(request.call(endpoint), asked)
        # It may be 40 MB.
        return LongAnswer(
            body=await request.parts.aside.run(_whole, document(endpoint.task_type, results)), headers=HEADERS
        )
    if endpoint.task_type is not TaskType.COMPLETION:
        raise StatusFailure(
            f"Streaming is not allowed for service [{endpoint.service}] and task [{request.task_type}]. "
            "Supported tasks: [completion,chat_completion]",
            405,
        )
    async with service.stream_completion(request.call(endpoint), asked) as texts:
        return await EventStream(request, envelope).send(texts, _encode)


def _is_chat(request: Request) -> bool:
    if request.task_type is TaskType.ANY and request.inference_id in request.parts.store:
        return request.parts.store.get(request.inference_id).task_type is TaskType.CHAT_COMPLETION
    return request.task_type is TaskType.CHAT_COMPLETION


def _whole(told: Document) -> bytes:
    # An array from upstream is as it was written there, line ends and all; within strings JSON has none.
    line = _ENCODER.encode(told).replace(b"\r", b"").replace(b"\n", b"")
    return sse.encode(line) + sse.encode(b"[DONE]")


def _encode(texts: Sequence[str]) -> bytes:
    """One line for each piece that came: none waits for the next, none is joined to another."""
    return _ENCODER.encode_lines([_Event([_Delta(text)]) for text in texts])
