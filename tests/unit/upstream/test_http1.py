"""Requests into bytes and bytes into answers: each message whole, byte by byte, and with more behind it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.upstream.client import Request
from inferd.upstream.http1 import (
    MAX_HEAD,
    MAX_HEADERS,
    Answer,
    AnswerParser,
    NotHttp,
    Origin,
    Unsendable,
    rendered,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def fed(*pieces: bytes) -> Answer:
    parser, answer = AnswerParser(), Answer()
    parser.expect(answer)
    for piece in pieces:
        parser.feed(piece)
    return answer


def ended(*pieces: bytes) -> Answer:
    parser, answer = AnswerParser(), Answer()
    parser.expect(answer)
    for piece in pieces:
        parser.feed(piece)
    parser.end()
    return answer


def request(url: str = "http://host/path", headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> Request:
    return Request(url, headers, body)


@pytest.mark.parametrize(
    "url, origin, line, host",
    [
        ("http://host/v1/chat", Origin(False, "host", 80), "/v1/chat", "host"),
        ("https://host", Origin(True, "host", 443), "/", "host"),
        ("https://host:443/", Origin(True, "host", 443), "/", "host"),
        ("http://host:443/", Origin(False, "host", 443), "/", "host:443"),
        ("http://HOST:8080/a%20b/;c?d=e&f", Origin(False, "host", 8080), "/a%20b/;c?d=e&f", "host:8080"),
        ("http://host?d=e", Origin(False, "host", 80), "/?d=e", "host"),
        ("http://[::1]/x", Origin(False, "::1", 80), "/x", "[::1]"),
        ("https://[::1]:8443/x", Origin(True, "::1", 8443), "/x", "[::1]:8443"),
    ],
)
def test_a_url_becomes_origin_request_line_and_host(url: str, origin: Origin, line: str, host: str) -> None:
    where, message = rendered(request(url))
    assert where == origin
    assert message == f"POST {line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode()


def test_headers_and_body_are_sent_as_given_and_in_order() -> None:
    _, message = rendered(request(headers=(("X-Two", "b c"), ("x-one", ""), ("X-Two", "d")), body=b"\r\n\0{}"))
    assert message == (
        b"POST /path HTTP/1.1\r\nHost: host\r\nX-Two: b c\r\nx-one: \r\nX-Two: d\r\nContent-Length: 5\r\n\r\n\r\n\0{}"
    )


@pytest.mark.parametrize(
    "headers",
    [
        (("X", "a\r\nY: b"),),
        (("X", "a\nY: b"),),
        (("X", "a\r"),),
        (("X", "a\0"),),
        (("X", "a\x7f"),),
        (("X", "ä"),),
        (("X: a\r\nY", "b"),),
        (("X\r\n", "b"),),
        (("", "b"),),
        (("X Y", "b"),),
        (("X", "a"), ("Y", "b\r\nZ: c")),
        (("Content-Length", "3"),),
        (("TRANSFER-ENCODING", "chunked"),),
        (("host", "other"),),
        (("Connection", "close"),),
    ],
)
def test_a_header_that_would_change_the_message_is_refused_without_repeating_it(
    headers: tuple[tuple[str, str], ...],
) -> None:
    with pytest.raises(Unsendable, match="^a header cannot be sent: it is not (printable ASCII|the caller's)$"):
        rendered(request(headers=headers))


@pytest.mark.parametrize(
    "url", ["", "host/path", "ftp://host/", "http://u:secret@host/", "http://h/a b", "http://h/\r\nX: y", "http://ä/"]
)
def test_a_url_that_cannot_be_called_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Unsendable, match="the URL is not allowed") as refusal:
        rendered(request(url))
    assert "secret" not in str(refusal.value)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=4))
def test_no_headers_whatever_add_a_line_of_their_own(headers: list[tuple[str, str]]) -> None:
    try:
        _, message = rendered(request(headers=tuple(headers)))
    except Unsendable:
        return
    assert message.count(b"\r") == message.count(b"\n") == message.count(b"\r\n") == len(headers) + 4


BODY = b"hello, world"
ANSWERS = {
    "a length": OK + b"Content-Length: 12\r\n\r\n" + BODY,
    "chunks": CHUNKED + b"5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"C\r\nhello, world\r\n0\r\nX-Sum: 1\r\n\r\n",
    "1xx before it": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"
    + OK
    + b"Content-Length: 12\r\n\r\n"
    + BODY,
    "HTTP/1.0 that stays": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 12\r\n\r\n" + BODY,
    "close": OK + b"Connection: close\r\nContent-Length: 12\r\n\r\n" + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("framing", ANSWERS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_answer_is_the_same_however_its_bytes_come(framing: str, size: int) -> None:
    message = ANSWERS[framing]
    parser, answer = AnswerParser(), Answer()
    parser.expect(answer)
    for start in range(0, len(message), size):
        assert not answer.complete
        parser.feed(message[start : start + size])
    assert (answer.status, answer.complete) == (200, True)
    assert answer.reusable is (framing not in ("close", "HTTP/1.0"))
    assert (answer.take(), answer.take()) == (BODY, b"")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_ends_with_its_head(status: int) -> None:
    answer = fed(f"HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n".encode())
    assert (answer.status, answer.complete, answer.take()) == (status, True, b"")


def test_one_parser_reads_answer_after_answer() -> None:
    parser = AnswerParser()
    for framing in ("a length", "chunks", "1xx before it", "trailers"):
        answer = Answer()
        parser.expect(answer)
        parser.feed(ANSWERS[framing])
        assert answer.complete and answer.reusable and answer.take() == BODY


def test_a_body_without_length_ends_with_the_connection() -> None:
    answer = ended(OK + b"\r\n", b"hello, ", b"world")
    assert (answer.complete, answer.reusable, answer.take()) == (True, False, BODY)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"HTTP/1.1 200",
        OK + b"Content-Length: 12\r\n\r\nhello",
        CHUNKED + b"5\r\nhello\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
    ],
)
def test_the_end_of_the_connection_ends_no_other_body(broken: bytes) -> None:
    assert not ended(*([broken] if broken else [])).complete


def test_the_end_of_the_connection_leaves_a_complete_answer_complete() -> None:
    assert ended(ANSWERS["a length"]).complete


@pytest.mark.parametrize(
    "broken",
    [
        b"x",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\n\n",
        b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2000 High\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
        b"HTTP/1.1 101 Switching\r\n\r\nhello",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        OK + b"Content-Length: +5\r\n\r\n",
        OK + b"Content-Length: 99999999999999999999\r\n\r\n",
        OK + b"X: a\r\n folded\r\n\r\n",
        OK + b"X : a\r\n\r\n",
        OK + b"X: a\0\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"2\r\nabc\r\n",
        CHUNKED + b"2\nab\n",
        CHUNKED + b"fffffffffffffffff\r\n",
    ],
)
def test_what_is_no_http_is_refused_without_repeating_it(broken: bytes) -> None:
    with pytest.raises(NotHttp) as refusal:
        fed(broken)
    assert "abc" not in str(refusal.value) and "SSH" not in str(refusal.value)
    with pytest.raises(NotHttp):
        fed(*[broken[at : at + 1] for at in range(len(broken))])


@pytest.mark.parametrize("more", [b"x", OK, ANSWERS["a length"], CHUNKED + b"5\r\nhello\r\n", b"\0" * 300])
def test_what_follows_an_answer_costs_the_connection_and_not_the_answer(more: bytes) -> None:
    answer = fed(ANSWERS["a length"] + more)
    assert (answer.complete, answer.reusable, answer.take()) == (True, False, BODY)


def test_headers_are_found_in_any_case_the_first_of_a_name_first() -> None:
    headers = fed(OK + b"Retry-After: 7\r\nX-A: 1\r\nx-a: 2\r\nX-B: \xe4\r\nContent-Length: 0\r\n\r\n").headers
    assert (headers["retry-after"], headers["RETRY-AFTER"], headers["X-A"], headers["x-b"]) == ("7", "7", "1", "ä")
    assert (headers.get("x-A"), headers.get("nothing"), headers.get("nothing", "else")) == ("1", None, "else")
    assert "X-a" in headers and "nothing" not in headers and "\u2603" not in headers
    no_name: object = 1
    assert no_name not in headers
    with pytest.raises(KeyError):
        headers["nothing"]
    assert sorted(headers) == ["content-length", "retry-after", "x-a", "x-b"] and len(headers) == 4


def test_headers_of_announcements_and_trailers_are_not_the_answers() -> None:
    announced = b"HTTP/1.1 103 Hints\r\nX-Early: 1\r\n\r\n" + CHUNKED + b"0\r\nX-Late: 1\r\n\r\n"
    assert list(fed(announced).headers) == ["transfer-encoding"]


@pytest.mark.parametrize("split", [1, 1000, MAX_HEAD, 10 * MAX_HEAD])
def test_a_head_is_bounded_to_the_byte_however_it_comes(split: int) -> None:
    def head(size: int) -> bytes:
        rest = OK + b"Content-Length: 2\r\nX: \r\n\r\n"
        return rest.replace(b"X: ", b"X: " + b"a" * (size - len(rest)))

    longest, longer = head(MAX_HEAD) + b"ok", head(MAX_HEAD + 1) + b"ok"
    assert fed(*[longest[at : at + split] for at in range(0, len(longest), split)]).take() == b"ok"
    with pytest.raises(NotHttp, match="too long"):
        fed(*[longer[at : at + split] for at in range(0, len(longer), split)])


def test_announcements_without_end_are_one_head_too_long() -> None:
    parser = AnswerParser()
    parser.expect(Answer())
    with pytest.raises(NotHttp, match="too long"):
        for _ in range(MAX_HEAD):
            parser.feed(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("start", [b"5;", b"0\r\nX: "])
def test_chunk_extensions_and_trailers_without_end_are_refused(start: bytes) -> None:
    parser = AnswerParser()
    parser.expect(Answer())
    parser.feed(CHUNKED + b"2\r\nok\r\n")
    parser.feed(start)
    with pytest.raises(NotHttp, match="what frames its body is too long"):
        for _ in range(MAX_HEAD // 1000 + 1):
            parser.feed(b"a" * 1000)


def test_a_body_of_many_small_chunks_is_no_fault() -> None:
    parser, answer = AnswerParser(), Answer()
    parser.expect(answer)
    parser.feed(CHUNKED)
    for _ in range(MAX_HEAD // 20):
        parser.feed(b"1;" + b"a" * 100 + b"\r\nb\r\n")
    assert answer.body == b"b" * (MAX_HEAD // 20)


@pytest.mark.parametrize("count, fine", [(MAX_HEADERS, True), (MAX_HEADERS + 1, False)])
def test_headers_are_counted(count: int, fine: bool) -> None:
    head = OK + b"Content-Length: 0\r\n" + b"".join(b"X-%d: a\r\n" % at for at in range(count - 1)) + b"\r\n"
    if fine:
        assert fed(head).complete
    else:
        with pytest.raises(NotHttp, match="too many headers"):
            fed(head)


STARTS = [b"", OK, CHUNKED, OK + b"Content-Length: 9\r\n\r\n"]


@given(st.binary(max_size=200), st.integers(1, 50), st.sampled_from(STARTS))
def test_any_bytes_are_an_answer_or_a_refusal(junk: bytes, size: int, start: bytes) -> None:
    message = start + junk
    try:
        answer = ended(*[message[at : at + size] for at in range(0, len(message), size)])
    except NotHttp:
        return
    assert answer.status or not (answer.complete or answer.body)
