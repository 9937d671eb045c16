"""One connection, its other end in the test's hand."""

import asyncio
import weakref
from collections.abc import Awaitable

import pytest

from inferd.upstream.client import Broken, Unreachable
from inferd.upstream.http1 import MAX_TAKEN, AnswerParser
from tests.turns import counted
from tests.unit.upstream.wire import CHUNKED, MUCH, OK, WHOLE, Wire, rest


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


@pytest.mark.parametrize(
    "answer, most, whole", [(WHOLE, 2, b"ok"), (WHOLE, 1, None), (CHUNKED + b"2\r\nok\r\n", 2, None)]
)
async def test_a_whole_body_that_is_here_is_had_at_once(
    wire: Wire, answer: bytes, most: int, whole: bytes | None
) -> None:
    response = await wire.answered(answer)
    while not response.body:
        await asyncio.sleep(0)
    assert response.whole(most) == whole
    assert (whole or b"") + response.body == b"ok"


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


async def test_who_reads_much_lets_others_have_their_turn(wire: Wire) -> None:
    response = await wire.answered(OK + b"Content-Length: 100000\r\n\r\n")
    wire.connection.data_received(b"a" * 100_000)
    async with counted() as turns:
        pieces = [await response.read() for _ in range(4)]
    assert [len(piece) for piece in pieces] == [MAX_TAKEN] * 3 + [100_000 - 3 * MAX_TAKEN]
    assert turns.count == 3


async def test_what_nobody_has_read_goes_with_the_answer(wire: Wire) -> None:
    response = await wire.answered(OK + b"Content-Length: 9\r\n\r\nhalf")
    while not response.body:
        await asyncio.sleep(0)
    response.close()
    assert not response.body


async def test_the_parser_of_a_connection_that_is_gone_does_not_wait_for_the_collector(wire: Wire) -> None:
    wire.hang_up()
    await wire.until("forget")
    left, wire.connection._parser = weakref.ref(wire.connection._parser), AnswerParser()
    assert left() is None


class Held:
    """What somebody has at hand who waits."""


async def failed(asked: Awaitable[object], kind: type[Exception]) -> weakref.ref[Held]:
    held = Held()
    try:
        await asked
    except kind:
        return weakref.ref(held)
    raise AssertionError("nothing was wrong")


async def test_what_broke_an_answer_does_not_wait_for_the_collector(wire: Wire) -> None:
    response = await wire.answered(OK + b"Content-Length: 9\r\n\r\nhalf")
    wire.hang_up()
    left = await failed(rest(response), Broken)
    response.close()
    assert left() is None


async def test_what_kept_an_answer_from_coming_does_not_wait_for_the_collector(wire: Wire) -> None:
    wire.hang_up()
    left = await failed(wire.connection.exchange(b"ask"), Unreachable)
    assert left() is None


async def test_a_wait_that_was_too_long_does_not_wait_for_the_collector(wire: Wire) -> None:
    asked = asyncio.create_task(failed(wire.connection.exchange(b"ask"), TimeoutError))
    await wire.hear(b"ask")
    wire.connection.expire()
    left = await asked
    assert left() is None


async def test_an_upstream_waits_for_a_slow_reader(wire: Wire) -> None:
    response = await wire.answered(OK + b"Content-Length: %d\r\n\r\n" % MUCH)
    sending = asyncio.create_task(wire.say(b"a" * MUCH))
    while not wire.connection.paused:
        await asyncio.sleep(0)
    assert not sending.done()
    first, here = await response.read(), MAX_TAKEN
    assert len(first) == MAX_TAKEN
    while wire.connection.paused:
        here += len(await response.read())
    assert len(await rest(response)) == MUCH - here
    await sending
    assert wire.told == ["adopt", "free"]
