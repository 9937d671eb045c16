"""``POST _inference/chat_completion/{id}/_unified``: a chat, streamed; the only way to one."""

import msgspec

from inferd.errors import RequestInvalid, StatusFailure, chat_envelope
from inferd.rest.answer import Answer
from inferd.rest.inference_request import check_requested
from inferd.rest.request import Request
from inferd.rest.shape import decode
from inferd.rest.stream import EventStream
from inferd.schema.chat_completion import ChatCompletionRequest
from inferd.schema.endpoint import Endpoint, TaskType
from inferd.steps import LONG
from inferd.xcontent import decoder_of

PARSER = "UnifiedCompletionRequestBody"

_BODY = decoder_of(ChatCompletionRequest)
_ENCODER = msgspec.json.Encoder()


async def handle(request: Request) -> Answer:
    """One event for each chunk of the upstream, as it comes."""
    endpoint, chat = await _read(request)
    service = request.parts.services.of(endpoint)
    async with service.chat_completion(request.call(endpoint), chat) as chunks:
        return await EventStream(request, chat_envelope).send(chunks, _ENCODER.encode_lines)


async def _read(request: Request) -> tuple[Endpoint, ChatCompletionRequest]:
    requested, store = request.task_type, request.parts.store
    if requested is TaskType.ANY:
        store.get(request.inference_id)
    raw = await request.raw()
    if len(raw) <= LONG:
        chat = decode(raw, _BODY, PARSER)
    else:
        # It may take a second to be read, and five to be told what is wrong with it.
        chat = await request.parts.aside.run(decode, raw, _BODY, PARSER)
    if not chat.messages:
        raise RequestInvalid(["Field [messages] cannot be an empty array"])
    endpoint = store.get(request.inference_id)
    check_requested(requested, endpoint)
    if endpoint.task_type is not TaskType.CHAT_COMPLETION:
        raise StatusFailure(
            f"Incompatible task_type for unified API, the requested type [{requested}] "
            "must be one of [chat_completion]"
        )
    return endpoint, chat
