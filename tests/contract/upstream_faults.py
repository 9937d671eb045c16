"""Everything a provider can do wrong, and what a client gets: the table of docs/behavior.md, as scripts."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tests import scripted_upstream as script
from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, Script, answer, chunk, delta

# The tasks of each column of the table, with the path behind the endpoint's id.
ONE_ANSWER = {"text_embedding": "", "completion": ""}
STREAMS = {"completion": "/_stream", "chat_completion": "/_unified"}

EMBEDDINGS = msgspec.json.encode({"data": [{"index": 0, "embedding": [0.25, -1.5]}], "usage": {"prompt_tokens": 1}})
COMPLETION = msgspec.json.encode({"choices": [{"message": {"role": "assistant", "content": "one two"}}]})

FIRST, SECOND = delta("one "), delta("two", "stop")
ERROR = b'{"error":{"message":"no","type":"t","param":null,"code":null}}'
TOO_LONG = b'{"error":{"message":"8193 tokens. Please reduce your prompt; or completion length.","type":"t"}}'

# With what the provider answers where it does nothing wrong: one JSON document, or a stream's pieces.
Whole = Callable[[bytes], list[Script]]


class Fault(NamedTuple):
    """A row: what the provider does, in both columns, and what the client gets.

    ``one`` makes scripts from the body of a right answer, ``stream`` are scripts for a stream (None: as ``one``).
    ``told`` is part of what the error says. ``timeout`` is the request's. It is ``asked`` so many times, one after the
    other, and the last answer counts.
    """

    provider: str
    one: Whole
    gets: str
    stream: list[Script] | None
    stream_gets: str
    told: str = ""
    timeout: str = "20s"
    asked: int = 1

    def scripts(self, task: str, path: str) -> list[Script]:
        """What the provider does for one task."""
        if path and self.stream is not None:
            return self.stream
        return self.one(EMBEDDINGS if task == "text_embedding" else COMPLETION)


def row(
    provider: str,
    said: Script | Whole,
    gets: str,
    told: str = "",
    *,
    stream: Script | None = None,
    stream_gets: str | None = None,
    timeout: str = "20s",
) -> Fault:
    """A row whose right column, unless given, is as the left one."""
    one = said if callable(said) else lambda _: [said]
    streamed = None if stream is None else [stream]
    return Fault(provider, one, gets, streamed, gets if stream_gets is None else stream_gets, told, timeout)


def streamed(*pieces: bytes) -> bytes:
    """The beginning of a stream, each piece a chunk."""
    return STREAM_HEAD + b"".join(chunk(piece) for piece in pieces)


def refused(status: int, gets: str, told: str = "Error message: [no]") -> Fault:
    """A row for a status other than 2xx."""
    return row(f"answers {status}", [answer(ERROR, f"{status} No")], gets, told)


SILENT = "429 timeout_exception"
BROKEN_STREAM = "200, one chunk, an error event"

# Scripted elsewhere: there is no connection to follow a script.
NOWHERE = [
    row("refuses the connection", [], "502 after 3 attempts", "Cause: Connection refused"),
    row("has a name that does not resolve", [], "400", "Invalid host [http://nosuch.invalid/v1]"),
]

BEFORE_AN_ANSWER = [
    row("never ends its TLS handshake", [], "502 after 3 attempts", "no connection within [upstream] connect_timeout"),
    row("closes the connection without a word", [script.close], "502 after 3 attempts", "closed before an answer came"),
    row("resets the connection without a word", [script.reset], "502 after 3 attempts", "Cause: Connection reset"),
    row("says nothing", [script.stall], SILENT, "timed out after [1s]", timeout="1s"),
    row("drips its head", [script.drip(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 99)], SILENT, timeout="1s"),
    row("says nothing but interim answers", [script.forever(b"HTTP/1.1 103 E\r\n\r\n", 0.05)], SILENT, timeout="1s"),
    row("says something that is no HTTP", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", script.stall], "502", "not valid HTTP"),
    row("has a header of 200 KB", [answer(b"", headers=b"X: %b\r\n" % (b"x" * 200_000))], "502", "not valid HTTP"),
    row("switches protocols", [b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], "502", "not valid"),
    row("breaks off in its head", [b"HTTP/1.1 200 OK\r\nCont", script.pause(0.1), script.reset], "502", "broke off"),
]

REFUSALS = [
    *(refused(status, f"{status}", "Unhandled redirection") for status in (300, 301, 302, 303, 305, 307)),
    refused(308, "400", "Unhandled redirection"),
    row("answers 304", [b"HTTP/1.1 304 N\r\n\r\n"], "400", "Unhandled redirection"),
    refused(400, "400", "Received a bad request status code"),
    refused(401, "401", "Received an authentication error status code"),
    refused(404, "404", "Resource not found at [http://"),
    refused(413, "413", "Received a content too large status code"),
    row("answers 400 and asks for less", [answer(TOO_LONG, "400 N")], "400", "Received a content too large"),
    refused(422, "422", "Received an input validation error response"),
    *(refused(status, f"{status}") for status in (402, 403, 405, 406, 408, 409, 410, 415, 423, 424)),
    *(refused(status, f"{status}") for status in (407, 411, 412, 414, 416, 417, 421, 426)),
    *(refused(status, "400") for status in (418, 425, 428, 431, 451)),
    refused(429, "429 after 3 attempts", "Received a rate limit status code"),
    refused(500, "502 after 3 attempts", "Received a server error status code"),
    refused(502, "502 after 3 attempts", "Received a server error status code"),
    refused(503, "503 after 3 attempts", "Received a server busy error status code"),
    refused(504, "504 after 3 attempts", "Received a server error status code"),
    *(refused(status, "502", "Received a server error status code") for status in (501, 505, 507, 508, 511, 529, 599)),
    row(
        "answers 307 and names another place",
        [answer(ERROR, "307 T", b"Location: http://127.0.0.1/v1\r\n")],
        "307",
        "Unhandled redirection",
    ),
    row(
        "answers 429 with a `Retry-After` that does not fit",
        [answer(ERROR, "429 No", b"Retry-After: 3600\r\n")],
        "429",
        "Received a rate limit status code",
    ),
    row(
        "answers 429 with a `Retry-After` that fits, then as it should",
        lambda body: [[answer(ERROR, "429 T", b"Retry-After: 1\r\n")], [answer(body)]],
        "200 after 2 attempts",
    )._replace(stream=[[answer(ERROR, "429 T", b"Retry-After: 1\r\n")], [streamed(FIRST, SECOND, DONE), LAST_CHUNK]]),
    row("refuses in HTML", [answer(b"<h1>no</h1>", "403 F")], "403", "status [403]"),
    row("refuses in what is no UTF-8", [answer(b'{"error":{"message":"\xff\xfe"}}', "403 F")], "403", "status [403]"),
    row("refuses with 10 MB", [answer(b"x" * 10_000_000, "403 F")], "403", "status [403]"),
    row(
        "refuses and never ends its words",
        [b"HTTP/1.1 403 F\r\nContent-Length: 99\r\n\r\n" + ERROR, script.stall],
        "403",
        "Error message: [no]",
        timeout="1s",
    ),
    row(
        "refuses and breaks off",
        [b"HTTP/1.1 403 F\r\nContent-Length: 999\r\n\r\n" + ERROR, script.close],
        "403",
        "Error message: [no]",
    ),
    row(
        "refuses with bytes in its headers that nobody can repeat",
        [answer(ERROR, "403 F", b"Retry-After: \xff\xfe\r\n")],
        "403",
    ),
]


def cut_short(body: bytes) -> bytes:
    """A chunked answer without its end."""
    return STREAM_HEAD + chunk(body[:20])


ANSWERS = [
    row("answers 204", [b"HTTP/1.1 204 N\r\n\r\n"], "502"),
    row("answers with nothing", [answer(b"")], "502"),
    row("answers with HTML", [answer(b"<html>")], "502"),
    row("answers with other JSON", [answer(b'{"choices":7}')], "502"),
    row("answers in what is no UTF-8", [answer(b"\xff\xfe\xfd")], "502")._replace(
        stream=[[streamed(FIRST, b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'), script.stall]],
        stream_gets=BROKEN_STREAM,
    ),
    row("answers in an encoding", [answer(b"\x1f\x8b", headers=b"Content-Encoding: gzip\r\n")], "502", "is encoded"),
    row(
        "closes the connection in the middle",
        lambda body: [[cut_short(body), script.close]],
        "502",
        "broke off",
        stream=[streamed(FIRST), script.close],
        stream_gets=BROKEN_STREAM,
    ),
    row(
        "resets the connection in the middle",
        lambda body: [[cut_short(body), script.pause(0.1), script.reset]],
        "502",
        "broke off",
        stream=[streamed(FIRST), script.pause(0.1), script.reset],
        stream_gets=BROKEN_STREAM,
    ),
    row(
        "goes on with a chunk size that is none",
        lambda body: [[cut_short(body), script.pause(0.1), b"zz\r\n", script.stall]],
        "502",
        stream=[streamed(FIRST), script.pause(0.1), b"zz\r\n", script.stall],
        stream_gets=BROKEN_STREAM,
    ),
    row(
        "sends less than it announced",
        lambda body: [[b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + body, script.close]],
        "502",
        "broke off",
        stream=[b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + FIRST, script.close],
        stream_gets=BROKEN_STREAM,
    ),
    row(
        "announces less than it sends",
        lambda body: [[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + body, script.stall]],
        "502",
        stream=[b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(FIRST), FIRST, script.pause(0.1), SECOND],
        stream_gets=BROKEN_STREAM,
    ),
    row(
        "falls silent in the middle",
        lambda body: [[cut_short(body), script.stall]],
        SILENT,
        stream=[streamed(FIRST), script.stall],
        stream_gets=BROKEN_STREAM,
        timeout="1s",
    ),
    row("falls silent after its head", [STREAM_HEAD, script.stall], SILENT, "timed out after [1s]", timeout="1s"),
    row(
        "drips its body",
        lambda body: [[STREAM_HEAD, script.forever(chunk(b" "), 0.05)]],
        SILENT,
        stream=[streamed(FIRST, b"data: "), script.forever(chunk(b" "), 0.05)],
        stream_gets=BROKEN_STREAM,
        timeout="1s",
    ),
    row(
        "never comes to an end",
        [STREAM_HEAD, script.forever(chunk(b" " * 65536))],
        "502",
        "Maximum limit of [1048576] bytes reached",
        stream=[streamed(FIRST, b"data: "), script.forever(chunk(b"x" * 65536))],
        stream_gets=BROKEN_STREAM,
    )._replace(told=""),
]

STREAMED = [
    row("sends nothing but comments", [], "–", stream=[STREAM_HEAD, script.forever(chunk(b": wait\n\n"), 0.05)],
        stream_gets="504", told="the upstream was silent for 3 seconds"),
    row("sends nothing but comments after a chunk", [], "–", stream_gets=BROKEN_STREAM, told="silent for 3 seconds",
        stream=[streamed(FIRST), script.forever(chunk(b": wait\n\n"), 0.05)]),
    row("ends its stream before the first chunk", [], "–", stream=[STREAM_HEAD, LAST_CHUNK], stream_gets="502",
        told="the stream ended before its answer did"),
    row("ends its stream without a finish reason or `[DONE]`", [], "–", stream=[streamed(FIRST), LAST_CHUNK],
        stream_gets=BROKEN_STREAM, told="the stream ended before its answer did"),
    row("sends an event that cannot be read", [], "–", stream=[streamed(FIRST, b"data: {\n\n"), script.stall],
        stream_gets=BROKEN_STREAM),
    row("sends an error as an event", [], "–", stream=[streamed(FIRST, b"data: %b\n\n" % ERROR), script.stall],
        stream_gets=BROKEN_STREAM, told="Error message: [no]"),
    row("sends an error as its first event", [], "–", stream=[streamed(b"data: %b\n\n" % ERROR), script.stall],
        stream_gets="502", told="Error message: [no]"),
    row("answers with one JSON document", [], "–", stream=[answer(COMPLETION)], stream_gets="502"),
]  # fmt: skip

RIGHT = [
    row("closes a kept connection just as the next request comes",
        lambda body: [[answer(body)], [script.close], [answer(body)]], "200")._replace(
        asked=2, stream=[[streamed(FIRST, SECOND, DONE), LAST_CHUNK], [script.close],
                         [streamed(FIRST, SECOND, DONE), LAST_CHUNK]]),
    row("sends interim answers first", lambda body: [[b"HTTP/1.1 103 E\r\n\r\n" + answer(body)]], "200",
        stream=[b"HTTP/1.1 103 E\r\n\r\n", streamed(FIRST, SECOND, DONE), LAST_CHUNK]),
    row("ends its answer by closing the connection", lambda body: [[b"HTTP/1.1 200 OK\r\n\r\n" + body, script.close]],
        "200", stream=[b"HTTP/1.1 200 OK\r\n\r\n" + FIRST + SECOND + DONE, script.close]),
    row("ends its stream with a finish reason and no `[DONE]`", [], "–", stream_gets="200",
        stream=[streamed(FIRST, SECOND), LAST_CHUNK]),
    row("begins its stream with a byte order mark and puts comments between events", [], "–", stream_gets="200",
        stream=[streamed(b"\xef\xbb\xbf" + FIRST, b": wait\n\n", SECOND, DONE), LAST_CHUNK]),
    row("names its events and ends their lines with CR LF", [], "–", stream_gets="200",
        stream=[streamed(*(b"event: x\r\n" + each.replace(b"\n", b"\r\n") for each in (FIRST, SECOND, DONE))),
                LAST_CHUNK]),
    row("puts two chunks into one event", [], "–", stream_gets="200",
        stream=[streamed(FIRST.rstrip() + SECOND[6:], DONE), LAST_CHUNK]),
    row("has a chunk of 200 KB", [], "–", stream_gets="200",
        stream=[streamed(delta("x" * 200_000), SECOND, DONE), LAST_CHUNK]),
    row("breaks off after `[DONE]`", [], "–", stream_gets="200", stream=[streamed(FIRST, SECOND, DONE), script.reset]),
    row("drips a right answer", lambda body: [[script.drip(answer(body), 0.0)]], "200",
        stream=[script.drip(streamed(FIRST, SECOND, DONE) + LAST_CHUNK, 0.0)]),
]  # fmt: skip

FAULTS = [*NOWHERE, *BEFORE_AN_ANSWER, *REFUSALS, *ANSWERS, *STREAMED, *RIGHT]
