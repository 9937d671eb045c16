"""The request parser, fed bytes whole, cut and wrong."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.simulator.http1 import READ_SIZE, Incoming, Limits, Malformed, Request, read_request

GET = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nA: 1\r\nA:\t2 \r\n\r\nhello"
CHUNKED = (
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"3\r\nhel\r\n002;name=value\r\nlo\r\n0\r\nTrailer: t\r\n\r\n"
)
LIMITS = Limits(head=200, body=20, idle=0.05, head_time=0.05, body_time=0.05)


class Transport(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return True


def fed(*pieces: bytes, end: bool = True) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    for piece in pieces:
        reader.feed_data(piece)
    if end:
        reader.feed_eof()
    return reader


async def read_all(reader: asyncio.StreamReader, limits: Limits = LIMITS) -> tuple[list[Request], bytes]:
    transport = Transport()
    protocol = asyncio.StreamReaderProtocol(reader)
    writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
    incoming = Incoming(reader)
    requests = []
    while (request := await read_request(incoming, writer, limits)) is not None:
        requests.append(request)
    return requests, transport.written


async def refused(data: bytes, end: bool = True, limits: Limits = LIMITS) -> int:
    with pytest.raises(Malformed) as problem:
        await read_all(fed(data, end=end), limits)
    assert problem.value.reason
    return problem.value.status


def head(*lines: str) -> bytes:
    return "\r\n".join(["GET / HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


async def test_requests_follow_each_other_on_one_connection() -> None:
    requests, _ = await read_all(fed(b"\r\n" + GET + POST + b"\r\n" + CHUNKED + b"\r\n"))
    assert [(one.method, one.path, one.body) for one in requests] == [
        ("GET", "/v1/models", b""),
        ("POST", "/a", b"hello"),
        ("POST", "/a", b"hello"),
    ]
    assert requests[1].headers == {"host": "x", "content-length": "5", "a": "1, 2"}


@pytest.mark.parametrize("data", [b"\r\n" + GET, POST, CHUNKED])
async def test_a_request_may_come_byte_by_byte(data: bytes) -> None:
    whole, _ = await read_all(fed(data))
    reader = fed(end=False)
    task = asyncio.create_task(read_all(reader))
    for byte in data:
        reader.feed_data(bytes([byte]))
        await asyncio.sleep(0)
    reader.feed_eof()
    cut, _ = await task
    assert cut == whole


@pytest.mark.parametrize(
    ("line", "keep_alive"),
    [("A: b", True), ("Connection: keep-alive", True), ("Connection: x, Close", False)],
)
async def test_the_client_decides_whether_the_connection_stays(line: str, keep_alive: bool) -> None:
    requests, _ = await read_all(fed(head(line)))
    assert requests[0].keep_alive is keep_alive


async def test_a_client_that_asks_is_told_to_continue() -> None:
    _, written = await read_all(fed(head("Expect: 100-continue", "Content-Length: 1") + b"x"))
    assert written == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("target", "path"), [("http://x/v1/models?a", "/v1/models"), ("http://x", "/"), ("*", "/"), ("/a/%2e", "/a/%2e")]
)
async def test_every_form_of_target_has_a_path(target: str, path: str) -> None:
    requests, _ = await read_all(fed(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()))
    assert requests[0].path == path


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (head("Host: y"), 400),
        (head("Space : x"), 400),
        (head(" folded"), 400),
        (head("A: \0"), 400),
        (head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
        (head("Transfer-Encoding: gzip, chunked"), 501),
        (head("Content-Length: -1"), 400),
        (head("Content-Length: 1", "Content-Length: 1"), 400),
        (head("Content-Length: \xb2"), 400),
        (head("Content-Length: 21"), 413),
        (head("Content-Length: 2") + b"x", 400),
        (head("A: " + "x" * 200), 431),
        (b"x" * 300, 431),
        (b"GET / HT", 400),
    ],
)
async def test_what_is_no_request_is_refused(data: bytes, status: int) -> None:
    assert await refused(data) == status


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b"x\r\n", 400),
        (b"-1\r\n", 400),
        (b"fffffffffff\r\n", 400),
        (b"1\r\nab\r\n", 400),
        (b"15\r\n", 413),
        (b"a\r\n0123456789\r\nb\r\n", 413),
        (b"1;" + b"x" * 2000, 400),
        (b"0\r\n" + b"a: b\r\n" * 60, 431),
        (b"1\r\na", 400),
    ],
)
async def test_chunks_that_are_none_are_refused(chunks: bytes, status: int) -> None:
    assert await refused(head("Transfer-Encoding: chunked") + chunks) == status


@pytest.mark.parametrize("data", [b"G", head("Content-Length: 1")])
async def test_a_request_that_stalls_is_refused(data: bytes) -> None:
    assert await refused(data, end=False) == 408


async def test_an_idle_connection_ends() -> None:
    request = Request(method="GET", path="/v1/models", headers={"host": "x"}, body=b"")
    assert await read_all(fed(GET, end=False)) == ([request], b"")


async def test_a_reset_is_an_end() -> None:
    reader = fed(end=False)
    reader.set_exception(ConnectionResetError())
    assert await read_all(reader) == ([], b"")


async def test_a_watched_client_loses_nothing_it_sends_ahead() -> None:
    reader = fed(b"GE", end=False)
    incoming = Incoming(reader)
    watch = asyncio.create_task(incoming.gone())
    await asyncio.sleep(0)
    reader.feed_data(b"T\r\n")
    await asyncio.sleep(0)
    assert not watch.done()
    reader.feed_eof()
    await watch
    assert await incoming.until(b"\r\n", 10) == b"GET"


async def test_a_client_that_sends_too_far_ahead_is_no_longer_read() -> None:
    reader = fed(b"x" * (READ_SIZE + 1), end=False)
    watch = asyncio.create_task(Incoming(reader).gone())
    for _ in range(5):
        await asyncio.sleep(0)
    reader.feed_eof()
    done, _ = await asyncio.wait({watch}, timeout=0.01)
    assert not done
    watch.cancel()


async def test_what_came_can_be_forgotten() -> None:
    incoming = Incoming(fed(b"x"))
    await incoming.more()
    incoming.forget()
    assert not await incoming.begin()


async def test_a_header_of_many_spaces_costs_no_more_than_others() -> None:
    async with asyncio.timeout(1):
        assert await refused(head("A:" + " " * 65_000 + "\0"), limits=Limits()) == 400


fragments = st.sampled_from([
    b"GET", b" ", b"/", b" HTTP/1.1", b"\r\n", b"Host: x", b"\r\n\r\n", b"Content-Length: ", b"5",
    b"Transfer-Encoding: ", b"chunked", b"0", b"\n", b":", b"\0", b"\xff", GET, POST, CHUNKED,
])


@settings(max_examples=300, deadline=None)
@given(st.lists(fragments | st.binary(max_size=20), max_size=20))
def test_any_bytes_are_requests_or_refused(pieces: Iterable[bytes]) -> None:
    async def read() -> None:
        try:
            requests, _ = await read_all(fed(*pieces))
        except Malformed as problem:
            assert 400 <= problem.status <= 505
        else:
            assert all(request.path.startswith("/") for request in requests)

    asyncio.run(read())
