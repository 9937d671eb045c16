"""Everything that can end a command, each told in one line, and the reading of a server's error documents."""

from http import HTTPStatus

import msgspec

# What a proxy or another program says in plain text is worth a line, not a page.
MAX_PLAIN_REASON = 200


class ClientFailure(Exception):
    """The command could not do its work; its text is the line shown on stderr."""

    exit_status = 1


class Misuse(ClientFailure):
    """The command was called in a way that cannot be meant; nothing was sent."""

    exit_status = 2


class Unreachable(ClientFailure):
    """The server could not be reached, or left in the middle of its answer."""


class StreamCut(ClientFailure):
    """A stream ended without ``[DONE]``: what was received is not the whole answer."""


class ServerRefused(ClientFailure):
    """The server said no; ``status`` is its HTTP status, None where the answer had already begun."""

    def __init__(self, url: str, status: int | None, reason: str) -> None:
        said = f"answered {status}" if status is not None else "broke off its answer"
        super().__init__(f"{url} {said}: {reason}")
        self.status = status
        self.reason = reason

    @classmethod
    def of(cls, url: str, status: int, body: bytes, content_type: str) -> "ServerRefused":
        """The refusal that an answer of ``status`` with this body tells, whatever shape its error has."""
        reason = reason_of(_event_data(body) if content_type == "text/event-stream" else body)
        if reason is None and content_type == "text/plain":
            reason = body.decode(errors="replace").strip()[:MAX_PLAIN_REASON]
        return cls(url, status, reason or _phrase(status))


class _Cause(msgspec.Struct):
    """An ``error`` object: Elasticsearch's has ``reason`` and ``caused_by``, OpenAI's has ``message``."""

    reason: str | None = None
    message: str | None = None
    caused_by: "_Cause | None" = None

    def told(self) -> str | None:
        """The reasons from the outermost to the innermost: a failed validation names its cause only there."""
        outer = self.reason or self.message
        inner = self.caused_by.told() if self.caused_by is not None else None
        return f"{outer.removesuffix('.')}: {inner}" if outer and inner else outer or inner


class _Envelope(msgspec.Struct):
    error: _Cause | str


def reason_of(document: bytes | str) -> str | None:
    """The reason in an error document (nested, flat or OpenAI's), None if it is no such document."""
    try:
        error = msgspec.json.decode(document, type=_Envelope).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return error if isinstance(error, str) else error.told()


def _event_data(body: bytes) -> bytes:
    """The data of the one event that the body of a refused stream is."""
    lines = body.splitlines()
    return b"\n".join(line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
