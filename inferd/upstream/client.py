"""What any HTTP client of inferd offers, and what can go wrong before an upstream has given its answer."""

import os
import ssl
from collections.abc import Mapping
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

    async def read(self) -> bytes:
        """Some more of the body as soon as there is some; empty at its end.

        Broken where it breaks off, but only after everything that came before.
        """
        ...

    def close(self) -> None:
        """Gives the connection back if the body came to its end, else ends it at once, whatever is still unsent."""
        ...


class Client(Protocol):
    """Sends requests over pooled connections. Waits as long as its caller lets it: cancel to give up.

    What is cancelled leaves nothing behind: its connection is ended at once.
    """

    async def send(self, request: Request) -> Response:
        """The answer to ``request``, once its head is here; Trouble otherwise.

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
