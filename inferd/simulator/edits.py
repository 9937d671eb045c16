"""What a fault does to an answer that would have been right: changes to events, bodies and vectors."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

import msgspec

from inferd.simulator.answers import error_document

Events = Iterable[bytes]
EditEvents = Callable[[Events], Events]
EditBody = Callable[[bytes], bytes]
EditVectors = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]

DONE = b"data: [DONE]\n\n"
# A role, and three words: enough for a client to be in the middle of a stream.
BEFORE_FAILURE = 4

_FINISH = b'"finish_reason":"'
_ERROR = error_document("The simulated model failed while it was answering.", "server_error", None, "server_error")


def unchanged(content: Any) -> Any:
    """No fault."""
    return content


def without_done(events: Events) -> Events:
    """The stream ends after its last chunk."""
    return (event for event in events if event != DONE)


def without_finish(events: Events) -> Events:
    """No chunk says why the answer ended."""
    return (event for event in events if _FINISH not in event)


def truncated(events: Events) -> Events:
    """The stream ends early, in good order but for the missing finish and ``[DONE]``."""
    return islice(events, BEFORE_FAILURE)


def nothing(events: Events) -> Events:
    """A stream without a single event."""
    return ()


def with_error(events: Events) -> Events:
    """The model fails in mid-stream, told as OpenAI tells it."""
    return chain(islice(events, BEFORE_FAILURE), [b"data: " + msgspec.json.encode(_ERROR) + b"\n\n"])


def with_garbage(events: Events) -> Events:
    """An event in mid-stream is not JSON."""
    rest = iter(events)
    return chain(islice(rest, BEFORE_FAILURE), [b'data: {"id":"chatcmpl-<<< garbage >>>\n\n'], rest)


def with_null_content(events: Events) -> Events:
    """After the first chunk comes one that is the same but for ``content: null``."""
    rest = iter(events)
    for first in islice(rest, 1):
        yield first
        yield first.replace(b'"content":""', b'"content":null', 1)
    yield from rest


def with_comments(events: Events) -> Events:
    """A comment line stands before every event, as servers send to keep a connection alive."""
    return (b": keep-alive\n\n" + event for event in events)


def with_crlf(events: Events) -> Events:
    """Lines end in CR LF."""
    return (event.replace(b"\n", b"\r\n") for event in events)


def with_byte_order_mark(events: Events) -> Iterator[bytes]:
    """A byte order mark stands before the first event."""
    return chain([b"\xef\xbb\xbf"], events)


def not_json(body: bytes) -> bytes:
    """Text where JSON belongs."""
    return b"<<< garbage >>>"


def empty(body: bytes) -> bytes:
    """No body at all."""
    return b""


def one_too_few(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last vector is missing."""
    return data[:-1]


def reversed_order(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last comes first; ``index`` tells the truth."""
    return data[::-1]


def without_index(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In order, but not numbered."""
    return [{name: value for name, value in item.items() if name != "index"} for item in data]
