"""The common request, read in a few steps: a message that is here whole, and that nobody could read in two ways.

Everything else is left to aiohttp's parser. What is taken here is a strict subset of what that takes: one request
line of HTTP/1.1, headers in ASCII without folds or empty values, one length if there is a body, and nothing that says
anything about how the connection goes on. The head that a connection brought last is known when it comes again.
"""

import re
from typing import Protocol

from multidict import CIMultiDict, CIMultiDictProxy

from inferd.rest.http import Connection, Head, Http

# Request line and each header, in bytes: as long as nginx takes them, and enough for the longest id and token.
MAX_LINE = 8190

# So no line of it can be longer.
MAX_HEAD = MAX_LINE

# Longer heads are not kept for the next request, for connections may be many and rest for long. What is made of one
# takes some seven times its bytes; Elastic's clients send half a kilobyte.
MAX_KNOWN = 2048

# Headers of a request; aiohttp's parser takes as many.
MAX_HEADERS = 128

# Digits of a body's length that anybody could mean; Python reads no number of thousands of them.
MAX_DIGITS = 18

# Headers that frame the message in another way, or say what becomes of the connection.
_UNCOMMON = "(?i:transfer-encoding|expect|upgrade|proxy-connection|sec-websocket-key1)"

# Nothing in it can match in two ways, so that a failure is found in one go.
_HEAD = re.compile(
    r"(GET|POST|PUT|DELETE|HEAD) (/(?!/)[\w.~%?&=,:*+@!$'();/-]*+) HTTP/1\.1"
    rf"(?:\r\n(?!{_UNCOMMON}:|(?i:connection): (?!(?i:keep-alive)(?:\r|$)))[\w-]++: [!-~][ -~]*+(?<! ))++",
    re.ASCII,
)
_HEADER = re.compile(r"\r\n([^:]++): ([^\r]++)")
_LENGTH = b"\r\ncontent-length: "


class Source(Connection, Protocol):
    """Where requests come from; ``known`` is the last head with a length in it, and the bytes before and after that."""

    known: tuple[bytes, bytes, Head] | None


def read(data: bytes, connection: Source) -> tuple[Http, int] | None:
    """The common request that ``data``, which came by ``connection``, begins with, and what is missing of its body.

    That is a number of bytes, negative if there are more than one request's. None for what is not common, and for less
    than a head.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or len(head) > MAX_HEAD:
        return None
    if connection.known is not None:
        # A client says the same again and again: at most the length differs.
        before, after, known = connection.known
        length = head[len(before) : len(head) - len(after)]
        if length.isdigit() and len(length) <= MAX_DIGITS and head.startswith(before) and head.endswith(after):
            return Http(known, body, connection), int(length) - len(body)
    return _read(head, body, connection)


def _read(raw: bytes, body: bytes, connection: Source) -> tuple[Http, int] | None:
    if not raw.isascii():
        return None
    text = raw.decode()
    common = _HEAD.fullmatch(text)
    if common is None:
        return None
    method, path = common.groups()
    pairs = _HEADER.findall(text)
    headers = CIMultiDict(pairs)
    # A name that comes twice is nothing to be decided here.
    if len(set(map(str.lower, headers))) != len(pairs) or len(pairs) > MAX_HEADERS or "Host" not in headers:
        return None
    head = Head(method, path, CIMultiDictProxy(headers))
    length = headers.pop("Content-Length", None)
    if length is None:
        return Http(head, body, connection), -len(body)
    if not length.isdecimal() or len(length) > MAX_DIGITS:
        return None
    if len(raw) <= MAX_KNOWN:
        at = raw.lower().index(_LENGTH) + len(_LENGTH)
        connection.known = raw[:at], raw[at + len(length) :], head
    return Http(head, body, connection), int(length) - len(body)
