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
# Servers commonly send 8 KiB at most; aiohttp's client takes 8 KiB a line and 128 headers.
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

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        # Not by trying, as Mapping would: most of what is asked for is not there.
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower().decode("latin-1"): None for name, _ in self._pairs})

    def __len__(self) -> int:
        return len(list(iter(self)))

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # no other default
        """The value, else ``default``."""
        wanted = _lowered(name)
        size = len(wanted)
        for given, value in self._pairs:
            if len(given) == size and given.lower() == wanted:
                return value.decode("latin-1")
        return default


# The names asked for are written in the source: few.
@lru_cache(maxsize=64)
def _lowered(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


class Answer:
    """What has come of one answer so far.

    ``status`` is 0 until the head is whole; ``parts`` is the body that nobody has taken yet, ``size`` its bytes;
    ``touched`` says that something came at all. Once ``complete``, ``reusable`` says whether the connection may
    carry another request. ``trouble`` is why no more will come of one that is not complete.
    """

    __slots__ = ("complete", "headers", "pairs", "parts", "reusable", "size", "status", "touched", "trouble")

    def __init__(self) -> None:
        self.status = 0
        self.pairs: list[tuple[bytes, bytes]] = []
        self.headers = Headers(self.pairs)
        self.parts: list[bytes] = []
        self.size = 0
        self.touched = self.complete = self.reusable = False
        self.trouble: Trouble | None = None

    def take(self) -> bytes:
        """The beginning of the body that is here, MAX_TAKEN bytes at most, which is then no longer."""
        parts = self.parts
        if self.size > MAX_TAKEN:
            return self._take_some()
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self.drop()
        return data

    def drop(self) -> None:
        """Nobody will take what is here."""
        self.parts.clear()
        self.size = 0

    def _take_some(self) -> bytes:
        parts, count, size = self.parts, 0, 0
        while size + len(parts[count]) <= MAX_TAKEN:
            size += len(parts[count])
            count += 1
        if count:
            data = b"".join(parts[:count])
            del parts[:count]
        else:
            data, parts[0] = parts[0][:MAX_TAKEN], parts[0][MAX_TAKEN:]
        self.size -= len(data)
        return data


class AnswerParser:
    """Makes answers of the bytes of one connection, one after the other: ``expect`` each before its bytes come."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer = Answer()
        self._bodiless = 0
        self._fault = ""

    def expect(self) -> Answer:
        """The answer that is now to come, and that ``feed`` fills."""
        self._answer = Answer()
        self._bodiless = 0
        return self._answer

    def feed(self, data: bytes) -> None:
        """Takes what came. NotHttp if that is no answer, or if what frames the body is too long."""
        answer = self._answer
        answer.touched = True
        if not answer.status and len(data) > MAX_HEAD - self._bodiless:
            head, data = data[: MAX_HEAD - self._bodiless], data[MAX_HEAD - self._bodiless :]
            self._parse(answer, head)
            if not answer.status:
                raise NotHttp("its head is too long")
        self._parse(answer, data)

    def end(self) -> None:
        """The upstream says no more: the end of a body that has neither a length nor chunks, and of no other."""
        answer = self._answer
        framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
        answer.complete = answer.complete or (answer.status != 0 and not framed)

    def _parse(self, answer: Answer, data: bytes) -> None:
        before = len(answer.parts)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            self._fault = self._fault or str(problem)
        if answer.complete:
            # What came after it is nobody's answer: not a fault of this one, but the end of the connection.
            answer.reusable = answer.reusable and not self._fault
            return
        self._bodiless = self._bodiless + len(data) if len(answer.parts) == before else 0
        if self._bodiless > MAX_HEAD:
            self._fault = self._fault or "what frames its body is too long"
        if self._fault:
            raise NotHttp(self._fault)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """A second answer where one was asked for."""
        if self._answer.complete:
            self._fault = "more than one answer"
            self._answer = Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer: those are read over."""
        if not self._answer.status:
            self._answer.pairs.append((name, value))

    def on_headers_complete(self) -> None:
        """The end of a head; one of 1xx only announces the real one (RFC 9110 section 15.2)."""
        answer = self._answer
        status = self._parser.get_status_code()
        if status < 100 or status == 101 or self._parser.get_http_version() not in ("1.1", "1.0"):
            self._fault = "it speaks another protocol"
        elif status < 200:
            answer.pairs.clear()
        elif len(answer.pairs) > MAX_HEADERS:
            self._fault = "it has too many headers"
        else:
            answer.status = status

    def on_body(self, data: bytes) -> None:
        """Some of the body, whatever way it was framed."""
        self._answer.parts.append(data)
        self._answer.size += len(data)

    def on_message_complete(self) -> None:
        """The end of an answer whose end can be told."""
        if self._answer.status:
            self._answer.complete = True
            self._answer.reusable = self._parser.should_keep_alive()
