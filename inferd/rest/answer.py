"""Answers that are whole: JSON in the media type and form the client asked for, and plain words for probes."""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus

import msgspec

from inferd.errors import Failure, envelope
from inferd.rest.filter_path import filtered
from inferd.rest.http import HTTP_10, HTTP_11, Http
from inferd.rest.media_type import JSON
from inferd.rest.pretty import pretty

# Elastic's clients refuse a server without the first; the second keeps aiohttp from telling versions.
PRODUCT = {"X-elastic-product": "Elasticsearch", "Server": "inferd"}

# Plain text is said as Elasticsearch says it.
TEXT = "text/plain; charset=UTF-8"

# Larger bodies are filtered and indented in a thread: a million numbers take a second.
_LARGE = 128 * 1024

# Up to here it is cheaper to copy a body behind its head than to have two writes.
_SMALL = 64 * 1024

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = (204, 304)

# What must be said of the connection's future, for it is not what the version takes for granted.
_FUTURES = {
    (HTTP_10, True): "Connection: keep-alive\r\n",
    (HTTP_11, False): "Connection: close\r\n",
}

_JSON_HEADERS = {**PRODUCT, "Content-Type": JSON}
_ENCODER = msgspec.json.Encoder()


class Answer(msgspec.Struct, eq=False):
    """An answer; all of it may be changed until it is ``prepared``, which means that its head has left.

    ``headers`` are shared by many answers: they are replaced, not written to. The server sends what a handler returns
    by ``prepare`` and ``write_eof``, which are aiohttp's names for that, and then looks at ``keep_alive``.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = msgspec.field(default_factory=lambda: PRODUCT)
    keep_alive: bool | None = None
    prepared: bool = False

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"

    def force_close(self) -> None:
        """Closes the connection after the answer."""
        self.keep_alive = False

    async def prepare(self, http: Http) -> None:
        """Sends it in one write, unless its head has left already; ConnectionError when the client has left."""
        if self.prepared:
            return
        body = self.body
        head = self.head(http, len(body))
        if http.head.method == "HEAD" or self.status in _BODILESS:
            keeps_up = http.write(head)
        elif len(body) <= _SMALL:
            keeps_up = http.write(head + body)
        else:
            http.write(head)
            keeps_up = http.write(body)
        if not keeps_up:
            await http.drain()

    async def write_eof(self) -> None:
        """Nothing is left to be done."""

    def head(self, http: Http, length: int | None) -> bytes:
        """The head, which you must send: of a body of ``length`` bytes, or for None of one that is sent in chunks.

        A client of HTTP/1.0 knows no chunks: the connection's end is the body's. ValueError for headers that would
        break out of their lines.
        """
        self.prepared = True
        asked, status, headers = http.head, self.status, self.headers
        version = asked.version
        if self.keep_alive is None:
            self.keep_alive = asked.keep_alive and "Connection" not in headers
        framing = b""
        if length is None:
            if version == HTTP_11:
                framing = b"Transfer-Encoding: chunked\r\n"
            else:
                self.keep_alive = False
        elif status not in _BODILESS and (length or asked.method != "HEAD"):
            framing = b"Content-Length: %d\r\n" % length
        beginning = _beginning(version, self.keep_alive, status, tuple(headers.items()))
        return beginning + framing + _end(int(time.time()))


@lru_cache(256)
def _beginning(version: tuple[int, int], kept: bool, status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The status line and ``headers``, which are nearly always the same, and what becomes of the connection."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers) or "\0" in text:
        raise ValueError("a header holds the end of a line")
    future = _FUTURES.get((version, kept), "") if "Connection" not in dict(headers) else ""
    # An upstream's Retry-After may be no text at all; what cannot be written is left out, as by aiohttp.
    said = f"HTTP/{version[0]}.{version[1]} {status} {_REASONS.get(status, '')}\r\n{text}{future}"
    return said.encode("utf-8", "ignore")


# Asked for at every answer, and the same for a second.
@lru_cache(1)
def _end(now: int) -> bytes:
    """The date (RFC 9110, 5.6.7), and the end of the head; no locale is ever set that had other names for days."""
    return time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n\r\n", time.gmtime(now)).encode()


def json(document: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """``document`` as JSON; members that are ``msgspec.Raw`` go out byte for byte."""
    return Answer(_ENCODER.encode(document), status, {**_JSON_HEADERS, **headers} if headers else _JSON_HEADERS)


def text(words: str, *, status: int = 200) -> Answer:
    """Plain text, for probes and people."""
    return Answer(words.encode(), status=status, headers={**PRODUCT, "Content-Type": TEXT})


def failure(told: Failure) -> Answer:
    """The failure as a whole answer."""
    return json(envelope(told), status=told.status, headers=told.headers)


def speak(response: Answer, spoken: str) -> None:
    """Gives a JSON answer the media type ``spoken``; no other answer is touched."""
    if _is_json(response):
        response.headers = {**response.headers, "Content-Type": spoken}


async def filter(response: Answer, filter_path: str) -> None:
    """Cuts a JSON answer down to ``filter_path``; no other answer is touched."""
    await _rewrite(response, lambda body: filtered(body, filter_path))


async def indent(response: Answer) -> None:
    """Writes a JSON answer for people; no other answer is touched."""
    await _rewrite(response, pretty)


async def _rewrite(response: Answer, write: Callable[[bytes], bytes]) -> None:
    if not _is_json(response):
        return
    body = response.body
    response.body = write(body) if len(body) <= _LARGE else await asyncio.to_thread(write, body)


def _is_json(response: Answer) -> bool:
    return response.headers.get("Content-Type") == JSON
