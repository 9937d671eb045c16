"""A provider that is a list of bytes: what it answers is written down beforehand, and what it is asked is kept."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from inferd.upstream.client import Request, Response, Take, Trouble, pushed


class Reply:
    """One answer: its status and headers, and the pieces of its body, each given by one read.

    A piece that is a Trouble is raised; ``asyncio.Event`` is waited for first, and gives nothing itself.
    """

    def __init__(
        self,
        *pieces: bytes | Trouble | asyncio.Event,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.headers: Mapping[str, str] = headers or {}
        self.closed = False
        self._pieces = list(pieces)

    async def read(self, until: float | None = None) -> bytes:
        """See Response."""
        async with asyncio.timeout_at(until):
            while self._pieces:
                piece = self._pieces.pop(0)
                if isinstance(piece, Trouble):
                    raise piece
                if isinstance(piece, bytes):
                    return piece
                await piece.wait()
        return b""

    def whole(self, most: int) -> bytes | None:
        """See Response."""
        return None

    async def push(self, take: Take, silence: float) -> bool:
        """See Response."""
        return await pushed(self, take, silence)

    def close(self) -> None:
        """See Response."""
        self.closed = True


class ScriptedClient:
    """A Client that gives ``replies`` in order, raises those that are a Trouble, and keeps the ``requests``."""

    def __init__(self, replies: Sequence[Reply | Trouble] = ()) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []
        self.given: list[Reply] = []

    async def send(self, request: Request, until: float | None = None) -> Response:
        """See Client."""
        self.requests.append(request)
        await asyncio.sleep(0)
        reply = self.replies.pop(0)
        if isinstance(reply, Trouble):
            raise reply
        self.given.append(reply)
        return reply

    async def close(self) -> None:
        """See Client."""

    def stats(self) -> dict[str, int]:
        """See Client."""
        return {"leased": 0, "available": 0, "pending": 0}

    def bodies(self) -> list[bytes]:
        """What was sent, in order."""
        return [request.body for request in self.requests]

    def documents(self) -> list[dict[str, object]]:
        """The same, as JSON."""
        return [msgspec.json.decode(body) for body in self.bodies()]


def refusal(status: int, message: str, **more: str) -> Reply:
    """A refusal in OpenAI's form."""
    error = {"message": message, "type": "invalid_request_error", **more}
    return Reply(msgspec.json.encode({"error": error}), status=status)


def events(*data: bytes) -> bytes:
    """Server-sent events with ``data``."""
    return b"".join(b"data: %b\n\n" % item for item in data)
