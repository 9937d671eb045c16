"""A client that only pretends: its answers are lists, its pauses pass in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest

from inferd.errors import StatusFailure
from inferd.ratelimit import RateLimit
from inferd.schema.endpoint import Secrets
from inferd.schema.inference import Call, Deadline, Trace
from inferd.standing import Standings
from inferd.upstream.client import Request, Response, Take, pushed
from inferd.upstream.errand import Errand, Refusal
from inferd.upstream.sender import Sender
from tests import plain_endpoints

# What a body or an attempt consists of: bytes come, seconds pass, a failure is raised.
Piece = bytes | float | Exception

LONG = 10_000.0


class Answer:
    """See Response."""

    def __init__(self, status: int = 200, *pieces: Piece, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers or {}
        self.closed = 0
        self._pieces = list(pieces)

    async def read(self, until: float | None = None) -> bytes:
        """The next bytes, empty after the last."""
        async with asyncio.timeout_at(until):
            while self._pieces:
                piece = self._pieces.pop(0)
                if isinstance(piece, bytes):
                    return piece
                await passes(piece)
        return b""

    def whole(self, most: int) -> bytes | None:
        """All of it, if nothing befalls it on the way."""
        pieces = [piece for piece in self._pieces if isinstance(piece, bytes)]
        if len(pieces) < len(self._pieces) or sum(map(len, pieces)) > most:
            return None
        self._pieces = []
        return b"".join(pieces)

    async def push(self, take: Take, silence: float) -> bool:
        """See Response."""
        return await pushed(self, take, silence)

    def close(self) -> None:
        """Counted."""
        self.closed += 1

    def copy(self) -> "Answer":
        """One that nobody has read."""
        return Answer(self.status, *self._pieces, headers=self.headers)


class Client:
    """See Client. Each attempt takes its turn of ``attempts``: pauses and failures, then a copy of an answer."""

    def __init__(self, *attempts: Sequence[float | Exception | Answer] | Answer | Exception) -> None:
        self.sent: list[Request] = []
        self.times: list[float] = []
        self._answers: list[Answer] = []
        self._attempts = list(attempts)

    @property
    def closed(self) -> list[int]:
        """How often each of the answers was closed."""
        return [answer.closed for answer in self._answers]

    async def send(self, request: Request, until: float | None = None) -> Response:
        """Does what the next attempt says."""
        async with asyncio.timeout_at(until):
            return await self._next(request)

    async def _next(self, request: Request) -> Response:
        self.sent.append(request)
        self.times.append(now())
        attempt = self._attempts.pop(0)
        for step in attempt if isinstance(attempt, Sequence) else [attempt]:
            if isinstance(step, Answer):
                self._answers.append(step.copy())
                return self._answers[-1]
            await passes(step)
        raise AssertionError("the attempt has no end")

    async def close(self) -> None:
        """Nothing to end."""

    def stats(self) -> dict[str, int]:
        """Nothing to count."""
        return {}


async def passes(piece: float | Exception) -> None:
    """Waits, or raises."""
    if isinstance(piece, Exception):
        raise piece
    await asyncio.sleep(piece)


def now() -> float:
    """The loop's clock."""
    return asyncio.get_running_loop().time()


def sender(client: Client, *, idle: float = 300.0, max_response: int = 1000) -> Sender:
    """A sender that sends through ``client``."""
    return Sender(client, Standings(), stream_idle_timeout=idle, max_response=max_response)


def errand(
    *, within: float = 30.0, limit: RateLimit | None = None, attempts: int = 3, trial: bool = False
) -> Errand:
    """An errand that began now; a refusal of it is told by status, headers and body, 429 and 5xx are tried again."""
    call = Call(
        endpoint=plain_endpoints.endpoint("e"),
        secrets=Secrets({"api_key": "hunter2"}),
        deadline=Deadline(now() + within, f"{within:g}s"),
        trace=Trace(),
        attempts=attempts if trial else None,
    )

    def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        told = {name: value for name, value in headers.items() if name == "Retry-After"}
        return Refusal(StatusFailure(body.decode(), status, headers=told), again=status == 429 or status >= 500)

    return Errand(
        call=call,
        limit=limit or RateLimit("e", 60_000),
        request=Request("http://a.example/hunter2", (), b"{}"),
        what="OpenAI embeddings",
        refusal=refusal,
        attempts=attempts,
    )


async def answered(sending: Sender, what: Errand) -> bytes:
    """The body of the whole answer."""
    return (await sending.answer(what)).body


async def streamed(sending: Sender, what: Errand) -> bytes:
    """The same, read as it comes."""
    body = b""
    async with sending.stream(what) as stream:
        while part := await stream.read():
            body += part
            stream.heard()
    return body


Sending = Callable[[Sender, Errand], Coroutine[Any, Any, bytes]]

# For a test of what holds for either way to ``send``.
both = pytest.mark.parametrize("send", [answered, streamed])


def state(sending: Sender) -> str | None:
    """How the endpoint's upstream stands."""
    standing = sending.standings.get("e")
    return None if standing is None else standing.state
