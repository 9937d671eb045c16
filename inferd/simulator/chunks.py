"""A completion as OpenAI's chunks, and as one document."""

import re
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

import msgspec

from inferd.simulator.answers import CREATED, FINGERPRINT
from inferd.simulator.edits import DONE
from inferd.simulator.tools import Call

_encode = msgspec.json.encode
_PIECE = re.compile(r"\w+|\W+")


class Choice(msgspec.Struct):
    """One answer of a completion; ``content`` and ``thoughts`` are cut into chunks."""

    index: int
    content: list[str]
    finish_reason: str
    calls: list[Call] = []
    thoughts: list[str] = []


class Completion(msgspec.Struct):
    """What the simulator has to say; ``reasoning`` names the field for the thoughts."""

    id: str
    model: str
    choices: list[Choice]
    usage: dict[str, Any]
    reasoning: str = ""


def as_document(completion: Completion) -> dict[str, Any]:
    """The completion as one ``chat.completion``."""
    choices = [
        {
            "index": choice.index,
            "message": _message(choice, completion.reasoning),
            "logprobs": None,
            "finish_reason": choice.finish_reason,
        }
        for choice in completion.choices
    ]
    return {**_outline(completion, "chat.completion"), "choices": choices, "usage": completion.usage}


def as_events(completion: Completion, include_usage: bool) -> Iterator[bytes]:
    """The completion as events; with several choices their chunks alternate."""
    # What every chunk shares is encoded once: a stream of 100,000 words only joins bytes.
    outline = b"data: " + _encode(_outline(completion, "chat.completion.chunk"))[:-1]
    tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
    streams = [_events(choice, completion.reasoning, outline, tail) for choice in completion.choices]
    if len(streams) == 1:
        yield from streams[0]
    else:
        yield from (event for row in zip_longest(*streams) for event in row if event is not None)
    if include_usage:
        yield outline + b',"choices":[],"usage":' + _encode(completion.usage) + b"}\n\n"
    yield DONE


def _outline(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": kind,
        "created": CREATED,
        "model": completion.model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _message(choice: Choice, reasoning: str) -> dict[str, Any]:
    content = None if choice.calls else "".join(choice.content)
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    if choice.thoughts:
        message[reasoning] = "".join(choice.thoughts)
    if choice.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.calls
        ]
    return message


def _events(choice: Choice, reasoning: str, outline: bytes, tail: bytes) -> Iterator[bytes]:
    start = outline + b',"choices":[{"index":%d,"delta":' % choice.index
    end = b',"logprobs":null,"finish_reason":null}]' + tail
    first = {"role": "assistant", "content": None if choice.calls else "", "refusal": None}
    yield start + _encode(first) + end
    yield from _repeated(choice.thoughts, start + _encode({reasoning: ""})[:-3], b"}" + end)
    yield from _repeated(choice.content, start + b'{"content":', b"}" + end)
    for delta in chain.from_iterable(_call_deltas(index, call) for index, call in enumerate(choice.calls)):
        yield start + _encode({"tool_calls": [delta]}) + end
    yield start + b'{},"logprobs":null,"finish_reason":' + _encode(choice.finish_reason) + b"}]" + tail


def _repeated(words: list[str], start: bytes, end: bytes) -> Iterator[bytes]:
    frames = {word: start + _encode(word) + end for word in set(words)}
    return map(frames.__getitem__, words)


def _call_deltas(index: int, call: Call) -> Iterator[dict[str, Any]]:
    function = {"name": call.name, "arguments": ""}
    yield {"index": index, "id": call.id, "type": "function", "function": function}
    for piece in _PIECE.findall(call.arguments):
        yield {"index": index, "function": {"arguments": piece}}
