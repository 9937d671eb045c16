"""POST /v1/embeddings."""

import asyncio
from base64 import b64encode
from typing import Annotated, Any, Literal

import msgspec

from inferd.simulator.answers import FINGERPRINT, Answer, document
from inferd.simulator.bodies import read, wrong
from inferd.simulator.faults import Memory, named, parts
from inferd.simulator.vectors import MAX_DIMENSIONS, embed, floats

MAX_INPUTS = 2048
# Some 8192 tokens of English are 40,000 characters; a longer input would also hold up everyone else.
MAX_TEXT = 100_000

_DIMENSIONS = {"text-embedding-3-large": 3072}
_DEFAULT_DIMENSIONS = 1536
# Vectors made before others get their turn: a full request takes half a second of computing.
_TURN = 16


class EmbeddingsRequest(msgspec.Struct, kw_only=True):
    """What the simulator understands of an embeddings request; other fields are accepted and change nothing."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=MAX_DIMENSIONS)] | None = None
    user: str | None = None


async def answer(body: bytes, key: str, memory: Memory) -> Answer:
    """The answer to an embeddings request; Refused for a wrong one and for the faults its model asks for."""
    request = read(body, EmbeddingsRequest)
    fault = named(request.model, memory)
    fault.check(key)
    if fault.no_encoding_format and request.encoding_format is not None:
        raise wrong("Unrecognized request argument supplied: encoding_format", "encoding_format")
    texts = _texts(request.input)
    dimensions = _dimensions(request)
    data = []
    for index, text in enumerate(texts):
        if index % _TURN == _TURN - 1:
            await asyncio.sleep(0)
        data.append(_item(index, embed(text, dimensions), request.encoding_format == "base64"))
    tokens = sum(len(text.split()) for text in texts)
    return fault.spoil(
        document(
            {
                "object": "list",
                "data": fault.vectors(data),
                "model": request.model,
                # Not OpenAI's: the model's name stays as clients expect it, and this says who answers.
                "system_fingerprint": FINGERPRINT,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )
    )


def _texts(given: str | list[str | int | list[int]]) -> list[str]:
    """The inputs as texts; a list of token ids is a text whose words are the ids."""
    if isinstance(given, str):
        given = [given]
    elif given and all(isinstance(item, int) for item in given):
        given = [_words(given)]
    if not 0 < len(given) <= MAX_INPUTS:
        raise wrong(f"'input' must hold 1 to {MAX_INPUTS} inputs.", "input")
    if len({type(item) for item in given}) > 1:
        raise wrong("'input' must hold texts, or token ids, not both.", "input")
    texts = [item if isinstance(item, str) else _words(item) for item in given]
    for text in texts:
        if not 0 < len(text) <= MAX_TEXT:
            raise wrong(f"An input must have 1 to {MAX_TEXT} characters.", "input")
    return texts


def _words(ids: Any) -> str:
    return " ".join(map(str, ids))


def _dimensions(request: EmbeddingsRequest) -> int:
    if request.dimensions is not None and request.model.startswith("text-embedding-ada-002"):
        raise wrong("This model does not support specifying dimensions.", "dimensions")
    native = [_DIMENSIONS[part] for part in parts(request.model) if part in _DIMENSIONS]
    return request.dimensions or (native or [_DEFAULT_DIMENSIONS])[0]


def _item(index: int, vector: bytes, base64: bool) -> dict[str, Any]:
    # Encoded at once, since floats in Python's form take five times the room.
    shown = b64encode(vector).decode() if base64 else msgspec.Raw(msgspec.json.encode(floats(vector)))
    return {"object": "embedding", "index": index, "embedding": shown}
