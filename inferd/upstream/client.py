"""What any HTTP client of inferd offers, and what can go wrong before an upstream has given its answer."""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec


class Request(msgspec.Struct, frozen=True):
    """A POST to an upstream: the URL as configured, header pairs in order, the whole body."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Trouble(Exception):
    """No answer, or a broken one; the message is fit for a client's eyes.

    ``again`` says whether the very same request may be sent once more: only when not one byte of an answer came.
    """

    again = False


class HostUnknown(Trouble):
    """The name does not resolve."""


class Refused(Trouble):
    """inferd will not send it: the URL or all its addresses are not allowed, or a header cannot be sent."""


class Untrusted(Trouble):
    """The upstream's certificate is not to be trusted."""


class Unreachable(Trouble):
    """No connection came about, or it was lost before the answer began."""

    again = True


class Broken(Trouble):
    """The answer began and broke off, or is no HTTP, or is too long."""


def words(problem: BaseException) -> str:
    """The system's words for ``problem`` where it has some, else its kind: never what was sent, nor where to."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return problem.verify_message
    if isinstance(problem, ssl.SSLError):
        return f"TLS failed: {problem.reason}"
    if isinstance(problem, OSError) and problem.errno:
        return os.strerror(problem.errno)
    return type(problem).__name__


# What a body is pushed to: takes a piece, and says whether it ends the silence; or None, to be handed no more.
Take = Callable[[bytes], bool | None]


class Response(Protocol):
    """An answer whose head has arrived. You must ``close`` it, whatever happens."""

    @property
    def status(self) -> int:
        """The HTTP status, never an interim one (1xx)."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, to be asked for in any case."""
        ...

    async def read(self, until: float | None = None) -> bytes:
        """Some more of the body as soon as there is some; empty at its end.

        Broken where it breaks off, but only after everything that came before; TimeoutError when nothing has come by
        ``until``, in seconds of the loop's clock.
        """
        ...

    def whole(self, most: int) -> bytes | None:
        """All that is left of the body, if it is here and has no more than ``most`` bytes; None is always right."""
        ...

    async def push(self, take: Take, silence: float) -> bool:
        """Hands the body to ``take`` in the moment it comes, and returns True at its end.

        Where ``take`` wants no more this returns False, and what comes next waits, and makes the upstream wait, for who
        reads or pushes again. See ``read`` for the failures; no ``silence`` may be longer than so many seconds, the
        first of which begins now. ``take`` must neither block nor raise.
        """
        ...

    def close(self) -> None:
        """Gives the connection back if the body came to its end, else ends it at once, whatever is still unsent."""
        ...


async def pushed(response: Response, take: Take, silence: float) -> bool:
    """``Response.push`` of one that can only be read."""
    loop = asyncio.get_running_loop()
    until = loop.time() + silence
    while data := await response.read(until):
        heard = take(data)
        if heard is None:
            return False
        if heard:
            until = loop.time() + silence
    return True


class Client(Protocol):
    """Sends requests over pooled connections. Waits as long as its caller lets it: give a time, or cancel to give up.

    What is cancelled or out of time leaves nothing behind: its connection is ended at once.
    """

    async def send(self, request: Request, until: float | None = None) -> Response:
        """The answer to ``request``, once its head is here; Trouble otherwise, and TimeoutError if that is not
        before ``until``, in seconds of the loop's clock.

        A pooled connection that turns out dead, without a byte of an answer, is replaced by a new one without a word;
        redirects are answers like any other. Bodies come as they were sent, encoded ones too.
        """
        ...

    async def close(self) -> None:
        """Ends all connections."""
        ...

    def stats(self) -> dict[str, int]:
        """Connections ``leased`` to requests, ``available`` in the pool, and requests ``pending`` for one."""
        ...
