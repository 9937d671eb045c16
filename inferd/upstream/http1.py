"""HTTP/1.1 as a client speaks it (RFC 9112), without I/O: a request into bytes, bytes into an answer.

The parser is llhttp, strict as it comes: a message with two lengths, with bare line feeds, with folded headers or
with anything else that two readers could understand in two ways is refused.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

from inferd.upstream.addresses import BadUrl, host_and_port
from inferd.upstream.client import Request, Trouble

# What may come without a byte of the body in it: a head with all 1xx before it, chunk extensions, trailers.
# Servers commonly send 8 KiB at most; aiohttp's client takes 8 KiB a line and 128 headers. One name counts once.
MAX_HEAD = 64 * 1024
MAX_HEADERS = 128

# These frame the message or name the connection, so they are ours alone to send.
_OUR_HEADERS = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_HEADER_LINES = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~]*\r\n)*")


class Unsendable(ValueError):
    """A request that cannot be said in HTTP; the message is the reason and repeats nothing of the request."""


class NotHttp(ValueError):
    """What came is no HTTP answer; the message is the reason and repeats nothing of what came."""


# Bytes that are handed over at once. What comes faster than it is read would otherwise come in heaps of thousands of
# events: each a long turn of the loop, and as objects several times as large as its bytes.
MAX_TAKEN = 32 * 1024


class Origin(NamedTuple):
    """What a connection is good for (RFC 9110 section 4.3.1)."""

    tls: bool
    host: str
    port: int


def rendered(request: Request) -> tuple[Origin, bytes]:
    """Where ``request`` goes, and its bytes; Unsendable for a URL or headers that would not stay what they are."""
    origin, head = _head(request.url, request.headers)
    return origin, b"%b%d\r\n\r\n%b" % (head, len(request.body), request.body)


# The requests of an endpoint differ in nothing but their bodies.
@lru_cache(maxsize=256)
def _head(url: str, headers: tuple[tuple[str, str], ...]) -> tuple[Origin, bytes]:
    """Where to send, and what, up to the body's length."""
    origin, start = _target(url)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    # As many line ends as headers: none has one inside.
    if not _HEADER_LINES.fullmatch(lines) or lines.count("\n") != len(headers):
        raise Unsendable("a header cannot be sent: it is not printable ASCII")
    if not _OUR_HEADERS.isdisjoint([name.lower() for name, _ in headers]):
        raise Unsendable("a header cannot be sent: it is not the caller's")
    return origin, f"{start}{lines}Content-Length: ".encode("ascii")


# Heads that name a client's trace are all different, but not where they go.
@lru_cache(maxsize=256)
def _target(url: str) -> tuple[Origin, str]:
    """The origin of ``url``, and the request line and Host header that name its resource there."""
    try:
        host, port = host_and_port(url)
    except BadUrl as problem:
        raise Unsendable(f"the URL is not allowed: {problem}") from None
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    name = f"[{host}]" if ":" in host else host
    if port != (443 if tls else 80):
        name = f"{name}:{port}"
    return Origin(tls, host, port), f"POST {target} HTTP/1.1\r\nHost: {name}\r\n"


class Headers(Mapping[str, str]):
    """The headers of an answer, asked for in any case; of several with one name the first."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        # Not by trying, as Mapping would: most of what is asked for is not there.
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower().decode("latin-1"): None for name in self._values})

    def __len__(self) -> int:
        return len(list(iter(self)))

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # no other default
        """The value, else ``default``."""
        wanted = _lowered(name)
        size = len(wanted)
        for given in self._values:
            if len(given) == size and given.lower() == wanted:
                return self._values[given].decode("latin-1")
        return default


# The names asked for are written in the source: few.
@lru_cache(maxsize=64)
def _lowered(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


_NO_HEADERS = Headers({})


class Answer:
    """What has come of one answer so far.

    ``status`` is 0 until the head is whole; ``body`` is what has come of the body and nobody has taken yet. Once
    ``complete``, ``reusable`` says whether the connection may carry another request. ``trouble`` is why no more will
    come of one that is not complete.
    """

    __slots__ = ("body", "complete", "headers", "reusable", "status", "trouble")

    def __init__(self) -> None:
        self.status = 0
        self.headers = _NO_HEADERS
        self.body = b""
        self.complete = self.reusable = False
        self.trouble: Trouble | None = None

    def take(self) -> bytes:
        """The beginning of the body that is here, MAX_TAKEN bytes at most, which is then no longer."""
        body = self.body
        if len(body) <= MAX_TAKEN:
            self.body = b""
            return body
        self.body = body[MAX_TAKEN:]
        return body[:MAX_TAKEN]


# In place of a parser whose connection is gone; it is fed nothing.
_SPENT = httptools.HttpResponseParser(None)


class AnswerParser:
    """Makes answers of the bytes of one connection, one after the other: ``expect`` each before its bytes come.

    You ``close`` it when nothing more can come.
    """

    def __init__(self) -> None:
        self._answer = Answer()
        self._bodiless = 0
        self._fault = ""
        self._known = False
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        # The parser calls these, too: a header as it comes, the first of a name, and some of the body. There may be
        # hundreds in one read, so none of them takes a step of Python.
        self.on_header = self._headers.setdefault
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)

    @property
    def begun(self) -> bool:
        """Whether a byte of the answer has come."""
        return self._answer.status != 0 or self._bodiless != 0

    def expect(self, answer: Answer) -> None:
        """``answer``, a new one, is now to come; ``feed`` fills it."""
        self._answer = answer
        self._bodiless = 0

    def feed(self, data: bytes) -> None:
        """Takes what came. NotHttp if that is no answer, or if what frames the body is too long."""
        answer = self._answer
        if not answer.status and len(data) > MAX_HEAD - self._bodiless:
            data = self._behind_head(answer, data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            self._fault = self._fault or str(problem)
        parts = self._parts
        if parts:
            # Nearly always nothing waits there, and one part came: then nothing of it is copied.
            answer.body += b"".join(parts)
            parts.clear()
            self._bodiless = 0
        else:
            self._bodiless += len(data)
            if self._bodiless > MAX_HEAD:
                self._fault = self._fault or "what frames its body is too long"
        if self._fault:
            self._refuse(answer)

    def end(self) -> None:
        """The upstream says no more: the end of a body that has neither a length nor chunks, and of no other."""
        answer = self._answer
        framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
        answer.complete = answer.complete or (answer.status != 0 and not framed)

    def close(self) -> None:
        """Lets go of the answer, and of the parser it holds and is held by: that waits for no collector then."""
        self._answer = Answer()
        self._parser = _SPENT

    def _behind_head(self, answer: Answer, data: bytes) -> bytes:
        """What follows the longest head there may be, once that is read; NotHttp if it is not the whole head."""
        longest = MAX_HEAD - self._bodiless
        self.feed(data[:longest])
        if not answer.status:
            raise NotHttp("its head is too long")
        return data[longest:]

    def _refuse(self, answer: Answer) -> None:
        """Raises for what is wrong with ``answer``; behind a complete one it is the end of the connection only."""
        if not answer.complete:
            raise NotHttp(self._fault)
        answer.reusable = False

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """The beginning of a head; a second answer where one was asked for is not even read."""
        if self._answer.complete:
            raise NotHttp("more than one answer")
        self._headers.clear()

    def on_headers_complete(self) -> None:
        """The end of a head; one of 1xx only announces the real one (RFC 9110 section 15.2)."""
        status = self._parser.get_status_code()
        # The version is the server's, so one look tells it for the connection.
        self._known = self._known or self._parser.get_http_version() in ("1.1", "1.0")
        if not self._known or status < 100 or status == 101:
            self._fault = "it speaks another protocol"
        elif status >= 200 and len(self._headers) > MAX_HEADERS:
            self._fault = "it has too many headers"
        elif status >= 200:
            self._answer.status = status
            self._answer.headers = Headers(self._headers.copy())

    def on_message_complete(self) -> None:
        """The end of an answer whose end can be told."""
        answer = self._answer
        if answer.status:
            answer.complete = True
            answer.reusable = self._parser.should_keep_alive()
