"""One connection, its other end in the test's hand."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from inferd.upstream.client import Broken, Unreachable
from inferd.upstream.connection import Connection, ConnectionResponse
from inferd.upstream.http1 import Origin

ORIGIN = Origin(False, "127.0.0.1", 80)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"

MAX_UNREAD = 64 * 1024

LONG = 20.0  # longer than anything takes

# More than the buffers of two sockets hold.
MUCH = 32 * 1024 * 1024


class Wire:
    """A connection and its upstream end; what its owner was told is in ``told``."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.told: list[str] = []
        self.connection: Connection
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def adopt(self, connection: Connection) -> None:
        self._note("adopt")

    def free(self, connection: Connection) -> None:
        self._note("free")

    def end(self, connection: Connection) -> None:
        self._note("end")

    def forget(self, connection: Connection) -> None:
        self._note("forget")

    def _note(self, what: str) -> None:
        self.told.append(what)
        self._news.set()

    async def until(self, what: str) -> None:
        while what not in self.told:
            self._news.clear()
            await self._news.wait()

    async def hear(self, expected: bytes) -> None:
        heard = b""
        while len(heard) < len(expected):
            heard += await self._loop.sock_recv(self.peer, 65536)
        assert heard == expected

    async def say(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.peer, data)

    async def gone(self) -> None:
        """Returns when the connection's end is closed."""
        try:
            while await self._loop.sock_recv(self.peer, 65536):
                pass
        except ConnectionResetError:
            pass
        await self.until("forget")

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    async def answered(self, first: bytes) -> ConnectionResponse:
        """A response whose answer began with ``first``."""
        asked = asyncio.create_task(self.connection.exchange(b"ask"))
        await self.hear(b"ask")
        await self.say(first)
        return await asked


async def rest(response: ConnectionResponse) -> bytes:
    body = b""
    while part := await response.read():
        body += part
    return body


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        peer, _ = listening.accept()
    near.setblocking(False)
    peer.setblocking(False)
    wire = Wire(peer)
    _, wire.connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(ORIGIN, wire, MAX_UNREAD), sock=near
    )
    yield wire
    wire.connection.abort()
    await wire.until("forget")
    peer.close()


async def test_an_answer_is_there_with_its_head_and_its_body_comes_as_it_comes(wire: Wire) -> None:
    response = await wire.answered(CHUNKED)
    assert (response.status, response.headers["transfer-encoding"]) == (200, "chunked")
    for event in (b"one", b"two"):
        reading = asyncio.create_task(response.read())
        await wire.say(b"3\r\n" + event + b"\r\n")
        assert await reading == event
    await wire.say(b"0\r\n\r\n")
    assert [await response.read(), await response.read()] == [b"", b""]
    assert wire.told == ["adopt", "free"]


async def test_a_head_that_comes_in_pieces_is_waited_for(wire: Wire) -> None:
    asked = asyncio.create_task(wire.connection.exchange(b"ask"))
    await wire.hear(b"ask")
    for piece in (OK, b"Content-Length: 2\r\n", b"\r\n", b"ok"):
        await wire.say(piece)
    assert await rest(await asked) == b"ok"


async def test_a_connection_carries_request_after_request(wire: Wire) -> None:
    for _ in range(3):
        response = await wire.answered(WHOLE)
        assert await rest(response) == b"ok"
        response.close()
    assert wire.told == ["adopt", "free", "free", "free"] and wire.connection.usable


async def test_it_is_free_before_anybody_has_read_the_answer(wire: Wire) -> None:
    first = await wire.answered(WHOLE)
    second = await wire.answered(WHOLE.replace(b"ok", b"no"))
    assert (await rest(first), await rest(second)) == (b"ok", b"no")


@pytest.mark.parametrize("reset, told", [(False, "the connection was closed"), (True, "Connection reset by peer")])
async def test_a_connection_lost_before_a_byte_came_may_be_tried_again(wire: Wire, reset: bool, told: str) -> None:
    asked = asyncio.create_task(wire.connection.exchange(b"ask"))
    await wire.hear(b"ask")
    wire.hang_up(reset=reset)
    with pytest.raises(Unreachable, match=told) as trouble:
        await asked
    assert trouble.value.again
    await wire.until("forget")


async def test_a_connection_lost_within_the_head_may_not(wire: Wire) -> None:
    asked = asyncio.create_task(wire.connection.exchange(b"ask"))
    await wire.hear(b"ask")
    await wire.say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2")
    wire.hang_up()
    with pytest.raises(Broken, match="the answer broke off"):
        await asked


@pytest.mark.parametrize("reset", [False, True])
async def test_of_a_body_that_breaks_off_what_came_can_be_read(wire: Wire, reset: bool) -> None:
    response = await wire.answered(CHUNKED + b"5\r\nhello\r\n")
    wire.hang_up(reset=reset)
    await wire.until("forget")
    assert await response.read() == b"hello"
    for _ in range(2):
        with pytest.raises(Broken, match="the answer broke off"):
            await response.read()
    response.close()


async def test_a_reader_that_waits_is_told_that_the_body_broke_off(wire: Wire) -> None:
    response = await wire.answered(CHUNKED)
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    wire.hang_up()
    with pytest.raises(Broken):
        await reading


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_body_without_length_ends_with_the_connection(wire: Wire, waiting: bool) -> None:
    response = await wire.answered(OK + b"\r\nhello")
    assert await response.read() == b"hello"
    reading = asyncio.create_task(response.read())
    if waiting:
        await asyncio.sleep(0)
    wire.hang_up()
    assert await reading == b""
    await wire.until("forget")
    assert "free" not in wire.told


async def test_what_is_no_http_is_broken_and_closed(wire: Wire) -> None:
    with pytest.raises(Broken, match="the answer is not valid HTTP: Expected HTTP/"):
        await wire.answered(b"SSH-2.0-x\r\n")
    await wire.gone()


async def test_a_broken_chunk_after_the_head_ends_the_body_at_once(wire: Wire) -> None:
    response = await wire.answered(CHUNKED)
    await wire.say(b"5\r\nhello\r\nzz\r\n")
    assert await response.read() == b"hello"
    with pytest.raises(Broken, match="the answer broke off: Invalid character in chunk size"):
        await response.read()
    await wire.gone()


async def test_whoever_gives_up_waiting_closes_the_connection(wire: Wire) -> None:
    asked = asyncio.create_task(wire.connection.exchange(b"ask"))
    await wire.hear(b"ask")
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await wire.gone()


async def test_whoever_leaves_before_the_end_closes_the_connection(wire: Wire) -> None:
    response = await wire.answered(CHUNKED + b"5\r\nhello\r\n")
    response.close()
    await wire.gone()


async def test_a_read_that_was_given_up_loses_nothing(wire: Wire) -> None:
    response = await wire.answered(CHUNKED)
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await wire.say(b"2\r\nok\r\n0\r\n\r\n")
    await wire.until("free")
    assert await rest(response) == b"ok"


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen", b"x"])
async def test_bytes_nobody_asked_for_close_the_connection(wire: Wire, more: bytes) -> None:
    response = await wire.answered(WHOLE)
    await wire.say(more)
    await wire.gone()
    assert await rest(response) == b"ok" and not wire.connection.usable


async def test_bytes_right_behind_an_answer_close_the_connection(wire: Wire) -> None:
    response = await wire.answered(WHOLE + WHOLE)
    await wire.gone()
    assert await rest(response) == b"ok" and "free" not in wire.told


@pytest.mark.parametrize("reset", [False, True])
async def test_an_idle_connection_that_the_upstream_closes_is_forgotten(wire: Wire, reset: bool) -> None:
    await wire.answered(WHOLE)
    wire.hang_up(reset=reset)
    await wire.until("forget")
    with pytest.raises(Unreachable, match="the connection was closed"):
        await wire.connection.exchange(b"ask")


async def test_an_answer_that_says_close_is_the_last(wire: Wire) -> None:
    response = await wire.answered(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert await rest(response) == b"ok"
    await wire.gone()
    assert "free" not in wire.told


async def test_an_answer_to_half_a_request_is_the_last(wire: Wire) -> None:
    asked = asyncio.create_task(wire.connection.exchange(b"a" * MUCH))
    await asyncio.sleep(0)
    await wire.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nok")
    response = await asked
    assert (response.status, await rest(response)) == (413, b"ok")
    await wire.gone()
    assert "free" not in wire.told


async def test_an_upstream_waits_for_a_slow_reader(wire: Wire) -> None:
    response = await wire.answered(OK + b"Content-Length: %d\r\n\r\n" % MUCH)
    sending = asyncio.create_task(wire.say(b"a" * MUCH))
    while not wire.connection.paused:
        await asyncio.sleep(0)
    first = await response.read()
    assert MAX_UNREAD < len(first) <= MAX_UNREAD + 256 * 1024 and not sending.done()
    assert len(await rest(response)) == MUCH - len(first)
    await sending
    assert wire.told == ["adopt", "free"]


class Taker:
    """Takes what is pushed to it: more by ``within`` seconds, until it is ``full`` pieces."""

    def __init__(self, within: float = LONG, full: int = 1000) -> None:
        self.taken: list[bytes] = []
        self.came = asyncio.Event()
        self._within = within
        self._full = full
        self._loop = asyncio.get_running_loop()

    def __call__(self, data: bytes) -> float | None:
        self.taken.append(data)
        self.came.set()
        return None if len(self.taken) == self._full else self._loop.time() + self._within

    async def holds(self, *pieces: bytes) -> None:
        while b"".join(self.taken) != b"".join(pieces):
            self.came.clear()
            await self.came.wait()


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_body_is_pushed_as_it_comes_to_its_end(wire: Wire) -> None:
    response = await wire.answered(CHUNKED + b"3\r\none\r\n")
    take = Taker()
    pushing = asyncio.create_task(response.push(take, soon(LONG)))
    await take.holds(b"one")
    await wire.say(b"3\r\ntwo\r\n")
    await take.holds(b"one", b"two")
    assert not pushing.done()
    await wire.say(b"5\r\nthree\r\n0\r\n\r\n")
    assert await pushing and take.taken == [b"one", b"two", b"three"]
    assert wire.told == ["adopt", "free"]


async def test_a_body_that_is_there_is_pushed_at_once(wire: Wire) -> None:
    response, take = await wire.answered(WHOLE), Taker()
    assert await response.push(take, soon(LONG)) and take.taken == [b"ok"]


@pytest.mark.parametrize("there", [True, False])
async def test_who_takes_no_more_finds_the_rest_where_it_was(wire: Wire, there: bool) -> None:
    first = b"3\r\none\r\n"
    response = await wire.answered(CHUNKED + first * there)
    take = Taker(full=1)
    pushing = asyncio.create_task(response.push(take, soon(LONG)))
    await asyncio.sleep(0)
    await wire.say(first * (not there))
    assert not await pushing
    await wire.say(b"3\r\ntwo\r\n0\r\n\r\n")
    assert (await rest(response), take.taken) == (b"two", [b"one"])


async def test_an_upstream_waits_for_who_takes_no_more(wire: Wire) -> None:
    response, take = await wire.answered(OK + b"Content-Length: %d\r\n\r\n" % MUCH), Taker(full=1)
    sending = asyncio.create_task(wire.say(b"a" * MUCH))
    assert not await response.push(take, soon(LONG))
    while not wire.connection.paused:
        await asyncio.sleep(0)
    assert not sending.done()
    take = Taker()
    assert await response.push(take, soon(LONG))
    await sending


async def test_what_came_is_pushed_before_the_body_breaks_off(wire: Wire) -> None:
    response, take = await wire.answered(CHUNKED), Taker()
    pushing = asyncio.create_task(response.push(take, soon(LONG)))
    await asyncio.sleep(0)
    await wire.say(b"5\r\nhello\r\nzz\r\n")
    with pytest.raises(Broken, match="the answer broke off: Invalid character in chunk size"):
        await pushing
    assert take.taken == [b"hello"]
    await wire.gone()


@pytest.mark.parametrize("within", [0.01, 2 * LONG])
async def test_who_waits_for_more_waits_as_long_as_it_said(wire: Wire, within: float) -> None:
    response, take = await wire.answered(CHUNKED), Taker(within=within)
    pushing = asyncio.create_task(response.push(take, soon(LONG)))
    await asyncio.sleep(0)
    await wire.say(b"3\r\none\r\n")
    await take.holds(b"one")
    if within > LONG:
        assert wire.connection.until > soon(LONG)
        wire.connection.expire()
    with pytest.raises(TimeoutError):
        await pushing
    wire.connection.expire()


@pytest.mark.parametrize("first", [b"", CHUNKED])
async def test_who_waits_in_vain_is_told_in_time(wire: Wire, first: bytes) -> None:
    if not first:
        with pytest.raises(TimeoutError):
            await wire.connection.exchange(b"ask", soon(0.01))
        await wire.gone()
        return
    response = await wire.answered(first)
    with pytest.raises(TimeoutError):
        await response.read(soon(0.01))
    await wire.say(b"2\r\nok\r\n0\r\n\r\n")
    assert await rest(response) == b"ok"


async def test_a_push_that_was_given_up_takes_nothing_more(wire: Wire) -> None:
    response, take = await wire.answered(CHUNKED), Taker()
    pushing = asyncio.create_task(response.push(take, soon(LONG)))
    await asyncio.sleep(0)
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing
    await wire.say(b"2\r\nok\r\n0\r\n\r\n")
    await wire.until("free")
    assert (await rest(response), take.taken) == (b"ok", [])
