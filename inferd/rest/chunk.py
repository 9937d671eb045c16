"""``POST _inference/_chunk``: cuts texts as an endpoint with the given settings would, and asks no provider."""

import asyncio
from functools import partial
from typing import Any

import msgspec

from inferd.chunking.chunk import Chunk, as_json, shown
from inferd.chunking.settings import parse
from inferd.errors import RequestInvalid, RequestTimedOut
from inferd.rest import long_answer, long_body
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.shape import decode
from inferd.schema.chunking import ChunkingSettings
from inferd.schema.endpoint import TaskType
from inferd.steps import LONG
from inferd.xcontent import decoder_of

PARSER = "_chunk"


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    input: list[str] | str | None = None
    chunking_settings: dict[str, Any] | None = None


class _Asked(msgspec.Struct, frozen=True):
    input: list[str]
    settings: ChunkingSettings


_BODY = decoder_of(_Body)


async def handle(request: Request) -> Answer:
    """The passages of each input with their offsets, in the form that embedded passages have."""
    deadline = request.deadline(TaskType.TEXT_EMBEDDING)
    limit = request.parts.config.chunking.max_chunk_size_limit
    try:
        async with asyncio.timeout_at(deadline.at):
            raw = await request.raw()
            asked = await long_body.checked(request.parts.aside, raw, partial(_checked, limit=limit))
            inputs = await request.parts.cutter.cut(asked.input, asked.settings)
            entries = _entries(inputs) if len(raw) <= LONG else await request.parts.aside.run(_entries, inputs)
            return await long_answer.listed(request.parts.aside, "chunked_inference_service_result", entries)
    except TimeoutError:
        raise RequestTimedOut(f"Request timed out after [{deadline.text}]") from None


def _checked(raw: bytes, limit: int) -> _Asked:
    body = decode(raw, _BODY, PARSER)
    if not body.input and body.input != "":
        problem = "cannot be null" if body.input is None else "cannot be an empty array"
        raise RequestInvalid([f"Field [input] {problem}"])
    texts = [body.input] if isinstance(body.input, str) else body.input
    return _Asked(texts, parse(body.chunking_settings, limit))


def _entries(inputs: list[list[Chunk]]) -> list[msgspec.Raw]:
    """The answer to each of ``inputs``, which are taken out to be freed here: even that takes milliseconds."""
    inputs.reverse()
    return [as_json(shown(inputs.pop())) for _ in range(len(inputs))]
