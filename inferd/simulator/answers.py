"""Answers and the manner in which their bytes leave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
FINGERPRINT = "fp_inferd_simulator"
# A clock would make two answers to one request differ.
CREATED = 1_735_689_600

# What OpenAI tells with every answer; constant, since a simulator has no limits.
_HEADERS = {
    "server": "inferd-simulator",
    "openai-version": "2020-10-01",
    "openai-processing-ms": "1",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999000",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "30ms",
}


class Ending(Enum):
    """What becomes of an answer at the point where it is interrupted."""

    CLOSE = "the connection is closed"
    STALL = "nothing more comes"
    RESET = "the connection is reset"


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How an answer leaves: times in seconds, sizes in bytes; the default is whole and at once.

    ``stop_at`` interrupts it: at 0 before anything was sent, else after that many events of a stream, or
    halfway through a body. ``pace`` None is the server's own. ``piece`` cuts a stream into writes of that size.
    """

    delay: float = 0.0
    pace: float | None = None
    piece: int = 0
    stop_at: int | None = None
    ending: Ending = Ending.CLOSE


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer: ``events`` makes it a stream of server-sent events in place of ``body``."""

    status: int = 200
    body: bytes = b""
    events: Iterable[bytes] | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner()

    def head(self, request_id: str, keep_alive: bool) -> bytes:
        """The status line and headers, up to and with the empty line."""
        length = {"content-length": str(len(self.body))}
        framing = length if self.events is None else {"transfer-encoding": "chunked"}
        connection = {} if keep_alive else {"connection": "close"}
        headers = _HEADERS | {"x-request-id": request_id, "content-type": self.content_type}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in (headers | dict(self.headers) | framing | connection).items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Refused(Exception):
    """Raised where a request cannot be served; carries the answer to send."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def document(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """``content`` as a JSON answer."""
    return Answer(status=status, body=msgspec.json.encode(content), headers=headers or {})


def refusal(
    status: int,
    message: str,
    kind: str = "invalid_request_error",
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A failure in OpenAI's shape."""
    return document(error_document(message, kind, param, code), status, headers)


def error_document(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """OpenAI's error object, all four keys always present."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
