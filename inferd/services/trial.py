"""Tries a new or changed endpoint out with one call, as Elasticsearch does before it stores one.

Elasticsearch's ModelValidator classes: one text ``how big``, or one message of it; the embedding's size is filled in.
Unlike there, the call is made once, within five seconds, and in the lenient mode an upstream that cannot be reached
does not keep the endpoint from being stored.
"""

import asyncio
from typing import Literal

import msgspec

from inferd.errors import Failure, RequestTimedOut, StatusFailure, UpstreamRefusal, UpstreamUnreachable
from inferd.schema.chat_completion import ChatCompletionRequest, Message
from inferd.schema.endpoint import EMBEDDING_TASKS, Endpoint, Secrets, TaskType
from inferd.schema.inference import Call, Deadline, Embeddings, InferenceRequest, Results, Trace
from inferd.schema.timevalue import text_of
from inferd.services import InferenceService

Mode = Literal["lenient", "strict", "off"]

TRIAL_TEXT = "how big"

# Seconds. Below the ten after which Elastic's Python client gives up on a PUT.
TRIAL_TIME = 5.0

# Counted, not read: a number too large for a double is the upstream's affair.
_VECTOR = msgspec.json.Decoder(list[msgspec.Raw])


class Tried(msgspec.Struct, frozen=True):
    """An endpoint to be stored; ``unreachable`` is why its upstream could not be asked, if so."""

    endpoint: Endpoint
    unreachable: str | None = None


async def tried(
    service: InferenceService, endpoint: Endpoint, secrets: Secrets, mode: Mode, *, timeout: float = TRIAL_TIME
) -> Tried:
    """``endpoint`` as it should be stored after the trial ``mode`` asks for, at most ``timeout`` seconds long.

    StatusFailure 400 if the upstream refuses it or answers with no embedding, or in the strict mode cannot be reached.
    """
    if mode == "off":
        return Tried(endpoint)
    seconds = min(timeout, TRIAL_TIME)
    deadline = Deadline(asyncio.get_running_loop().time() + seconds, text_of(seconds))
    call = Call(endpoint=endpoint, secrets=secrets, deadline=deadline, trace=Trace(), attempts=1)
    try:
        results = await _call(service, call)
    except Failure as failure:
        if mode == "lenient" and _is_unreachable(failure):
            return Tried(endpoint, failure.reason)
        raise StatusFailure(
            "Could not complete inference endpoint creation as validation call to service threw an exception."
        ) from failure
    if endpoint.task_type in EMBEDDING_TASKS:
        endpoint = service.with_embedding_size(endpoint, _size(results))
    return Tried(endpoint)


async def _call(service: InferenceService, call: Call) -> Results | None:
    """Makes the call; a chat gives no results, that it begins to answer is enough."""
    if call.endpoint.task_type is TaskType.CHAT_COMPLETION:
        message = Message(content=TRIAL_TEXT, role="user")
        async with service.chat_completion(call, ChatCompletionRequest(messages=[message])):
            return None
    return await service.infer(call, InferenceRequest(input=[TRIAL_TEXT]))


def _size(results: Results | None) -> int:
    if not isinstance(results, Embeddings) or not results.vectors:
        raise StatusFailure("Could not determine embedding size")
    return len(_VECTOR.decode(results.vectors[0]))


def _is_unreachable(failure: Failure) -> bool:
    if isinstance(failure, UpstreamRefusal):
        return failure.upstream_status in (502, 503, 504)
    return isinstance(failure, UpstreamUnreachable | RequestTimedOut)
