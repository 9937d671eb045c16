"""A connection that hands the body on as it comes, and waits no longer than it is told."""

import asyncio

import pytest

from inferd.upstream.client import Broken
from inferd.upstream.http1 import MAX_TAKEN
from tests.turns import counted
from tests.unit.upstream.wire import CHUNKED, MUCH, OK, WHOLE, Wire, rest

LONG = 20.0  # longer than anything takes


class Taker:
    """Takes what is pushed to it until it is ``full`` pieces, and hears something in all but commas."""

    def __init__(self, full: int = 1_000_000) -> None:
        self.taken: list[bytes] = []
        self.came = asyncio.Event()
        self._full = full

    def __call__(self, data: bytes) -> bool | None:
        self.taken.append(data)
        self.came.set()
        return None if len(self.taken) == self._full else data.strip(b",") != b""

    async def holds(self, *pieces: bytes) -> None:
        while b"".join(self.taken) != b"".join(pieces):
            self.came.clear()
            await self.came.wait()


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_body_is_pushed_as_it_comes_to_its_end(wire: Wire) -> None:
    response = await wire.answered(CHUNKED + b"3\r\none\r\n")
    take = Taker()
    pushing = asyncio.create_task(response.push(take, LONG))
    await take.holds(b"one")
    await wire.say(b"3\r\ntwo\r\n")
    await take.holds(b"one", b"two")
    assert not pushing.done()
    await wire.say(b"5\r\nthree\r\n0\r\n\r\n")
    assert await pushing and take.taken == [b"one", b"two", b"three"]
    assert wire.told == ["adopt", "free"]


async def test_what_brings_no_body_is_no_news(wire: Wire) -> None:
    response, take = await wire.answered(CHUNKED), Taker()
    pushing = asyncio.create_task(response.push(take, LONG))
    await asyncio.sleep(0)
    async with counted() as turns:
        for piece in (b"3", b"\r\n", b"one", b"\r\n"):
            wire.connection.data_received(piece)
    assert (take.taken, turns.count, pushing.done()) == ([b"one"], 0, False)
    wire.connection.data_received(b"0\r\n\r\n")
    assert await pushing and take.taken == [b"one"]


async def test_a_body_that_is_there_is_pushed_at_once(wire: Wire) -> None:
    response, take = await wire.answered(WHOLE), Taker()
    assert await response.push(take, LONG) and take.taken == [b"ok"]


@pytest.mark.parametrize("there", [True, False])
async def test_who_takes_no_more_finds_the_rest_where_it_was(wire: Wire, there: bool) -> None:
    first = b"3\r\none\r\n"
    response = await wire.answered(CHUNKED + first * there)
    take = Taker(full=1)
    pushing = asyncio.create_task(response.push(take, LONG))
    await asyncio.sleep(0)
    await wire.say(first * (not there))
    assert not await pushing
    await wire.say(b"3\r\ntwo\r\n0\r\n\r\n")
    assert (await rest(response), take.taken) == (b"two", [b"one"])


async def test_an_upstream_waits_for_who_takes_no_more(wire: Wire) -> None:
    response, take = await wire.answered(OK + b"Content-Length: %d\r\n\r\n" % MUCH), Taker(full=1)
    sending = asyncio.create_task(wire.say(b"a" * MUCH))
    assert not await response.push(take, LONG)
    while not wire.connection.paused:
        await asyncio.sleep(0)
    assert not sending.done()
    take = Taker()
    assert await response.push(take, LONG)
    await sending


@pytest.mark.parametrize("there", [True, False])
async def test_much_is_pushed_piece_by_piece_and_others_have_their_turn(wire: Wire, there: bool) -> None:
    response, take = await wire.answered(OK + b"Content-Length: 100000\r\n\r\n"), Taker()
    much = bytes(range(250)) * 400
    turns = []

    async def other() -> None:
        while True:
            turns.append(len(take.taken))
            await asyncio.sleep(0)

    if there:
        wire.connection.data_received(much)
    others = asyncio.create_task(other())
    pushing = asyncio.create_task(response.push(take, LONG))
    await asyncio.sleep(0)
    if not there:
        wire.connection.data_received(much)
    assert await pushing and b"".join(take.taken) == much
    assert max(map(len, take.taken)) == MAX_TAKEN
    assert {1, 2, 3} <= set(turns)
    others.cancel()


async def test_what_came_is_pushed_before_the_body_breaks_off(wire: Wire) -> None:
    response, take = await wire.answered(CHUNKED), Taker()
    pushing = asyncio.create_task(response.push(take, LONG))
    await asyncio.sleep(0)
    await wire.say(b"5\r\nhello\r\nzz\r\n")
    with pytest.raises(Broken, match="the answer broke off: Invalid character in chunk size"):
        await pushing
    assert take.taken == [b"hello"]
    await wire.gone()


@pytest.mark.parametrize("first", [b"", b"1\r\na\r\n", b"1\r\n,\r\n"])
async def test_who_hears_nothing_waits_no_longer_than_it_said(wire: Wire, first: bytes) -> None:
    response, take = await wire.answered(CHUNKED + first), Taker()
    pushing = asyncio.create_task(response.push(take, 0.01))
    await take.holds(first[3:4])
    with pytest.raises(TimeoutError):
        await pushing
    wire.connection.expire()


@pytest.mark.parametrize("heard", [3, MAX_TAKEN + 1])
@pytest.mark.parametrize("unheard", [3, MAX_TAKEN + 1])
async def test_only_what_is_heard_ends_a_silence(wire: Wire, heard: int, unheard: int) -> None:
    response, take = await wire.answered(OK + b"Content-Length: 100000\r\n\r\n"), Taker()
    pushing = asyncio.create_task(response.push(take, LONG))
    await asyncio.sleep(0)
    began, ends = wire.connection.until, []
    for piece in (b"," * unheard, b"a" * heard, b"," * unheard):
        await asyncio.sleep(0.001)
        wire.connection.data_received(piece)
        await take.holds(piece)
        take.taken.clear()
        ends.append(wire.connection.until)
    assert began == ends[0] < ends[1] == ends[2]
    pushing.cancel()


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


async def test_who_has_the_connection_next_is_told_in_time_too(wire: Wire) -> None:
    response = await wire.answered(CHUNKED)
    pushing = asyncio.create_task(response.push(Taker(), LONG))
    turn = asyncio.Event()

    async def ask() -> None:
        await turn.wait()
        await wire.connection.exchange(b"ask", soon(0.01))

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    turn.set()
    # The connection is free now, and in use again before the one who pushed has its turn.
    wire.connection.data_received(b"0\r\n\r\n")
    assert await pushing
    with pytest.raises(TimeoutError):
        await asking


async def test_a_push_that_was_given_up_takes_nothing_more(wire: Wire) -> None:
    response, take = await wire.answered(CHUNKED), Taker()
    pushing = asyncio.create_task(response.push(take, LONG))
    await asyncio.sleep(0)
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing
    await wire.say(b"2\r\nok\r\n0\r\n\r\n")
    await wire.until("free")
    assert (await rest(response), take.taken) == (b"ok", [])


async def test_a_bug_of_who_takes_ends_the_connection_and_leaves_nobody_waiting(wire: Wire) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    bug = LookupError("bug")

    def take(_: bytes) -> bool:
        raise bug

    response = await wire.answered(CHUNKED)
    pushing = asyncio.create_task(response.push(take, LONG))
    await asyncio.sleep(0)
    await wire.say(b"3\r\none\r\n")
    with pytest.raises(Broken, match="the answer broke off"):
        await pushing
    await wire.gone()
    assert told == [bug]
