"""Both ways through the server: what is served at once, and what is left to aiohttp, look the same from outside."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inferd.rest import message
from inferd.rest.http import Http
from inferd.rest.server import MAX_HELD, PATIENCE, _Connection
from tests.unit.rest.recorded import BODY, GET, POST, TURNS, UNFINISHED, connected, echo, turns
from tests.unit.rest.serving import request

DATE = re.compile(rb"\r\nDate: [^\r]+ GMT")


@contextmanager
def _plain() -> Iterator[None]:
    """Leaves every request to aiohttp."""
    with patch.object(message, "read", lambda data, connection: None):
        yield


async def _spoken(pieces: Sequence[bytes], pause: int, rest: int = 2) -> tuple[bytes, bool]:
    """What is answered to ``pieces`` that come ``pause`` turns apart, without dates; and whether it is closed then.

    ``rest`` are the turns from the connection's beginning to the first piece.
    """
    connection, transport = await connected(echo, rest=rest)
    for piece in pieces:
        if not transport.closed:
            transport.receives(piece)
        await turns(pause)
    await turns(TURNS * 8)
    result = DATE.sub(b"", transport.written), transport.closed
    transport.loses()
    await turns(2)
    return result


MESSAGES = {
    "get": GET,
    "post": POST,
    "slow": request("POST", "/slow", *BODY) + b"{}",
    "blind": request("POST", "/blind", *BODY) + b"{}",
    "chunked": request("POST", "/x", "Transfer-Encoding: chunked") + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    "head": request("HEAD", "/x"),
    "close": request("POST", "/x", "Connection: close", *BODY) + b"{}",
    "closing": request("GET", "/close"),
    "old": b"GET /old HTTP/1.0\r\n\r\n",
    "old and kept": b"POST /old HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
    "upgrade": request("GET", "/x", "Connection: Upgrade", "Upgrade: websocket"),
    "short of its body": UNFINISHED,
    "two lengths": request("POST", "/x", "Content-Length: 2", "Content-Length: 3") + b"{}",
    "a length of many digits": request("POST", "/x", f"Content-Length: {'1' * 5000}") + b"{}",
    "length and chunks": request("POST", "/x", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks twice": request("POST", "/x", "Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "chunk of no size": request("POST", "/x", "Transfer-Encoding: chunked") + b"g\r\n{}\r\n0\r\n\r\n",
    "folded": b"GET /x HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "space before the colon": b"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\n{}",
    "bare line feeds": b"GET /x HTTP/1.1\nHost: x\n\n",
    "nonsense": b"nonsense\r\n\r\n",
    "ancient": b"GET /\r\n\r\n",
    "a line too long": b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "nothing": b"\r\n\r\n",
}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(MESSAGES)), min_size=1, max_size=5),
    st.lists(st.integers(0, 400), max_size=6),
    st.integers(0, 3),
    st.integers(0, 2),
)
@example(["post", "get"], [], 0, 0)
@example(["get"] * 50, [], 0, 0)
@example(["slow", "post", "nonsense"], [60], 0, 2)
@example(["post", "upgrade", "get"], [70, 90], 0, 0)
@example(["short of its body", "a line too long"], [48], 0, 0)
def test_bytes_cut_anywhere_are_answered_the_same_both_ways(
    names: list[str], cuts: list[int], pause: int, rest: int
) -> None:
    said = b"".join(MESSAGES[name] for name in names)
    ends = [0, *sorted(cut for cut in cuts if cut < len(said)), len(said)]
    pieces = [said[begin:end] for begin, end in zip(ends, ends[1:], strict=False)]
    at_once = asyncio.run(_spoken(pieces, pause, rest))
    with _plain():
        # A head that waited for its body comes together with it, and what follows both: as broken as it may be.
        assert at_once in (asyncio.run(_spoken(pieces, pause, rest)), asyncio.run(_spoken([said], pause, rest)))


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_that_comes_byte_by_byte_is_answered_like_one_that_comes_whole(name: str) -> None:
    said = MESSAGES[name][:2000]
    bytes_of_it = [said[at : at + 1] for at in range(len(said))]
    by_bytes = asyncio.run(_spoken(bytes_of_it, 0))
    with _plain():
        assert asyncio.run(_spoken(bytes_of_it, 0)) == by_bytes
    # A body that turns out broken after its head came concerns whoever reads it by then.
    if name != "chunk of no size":
        assert asyncio.run(_spoken([said], 0)) == by_bytes


@pytest.mark.parametrize(
    "name", ["two lengths", "length and chunks", "chunks twice", "folded", "space before the colon", "nonsense"]
)
def test_what_could_be_read_in_two_ways_is_refused_also_after_a_good_request(name: str) -> None:
    told, closed = asyncio.run(_spoken([MESSAGES["post"], MESSAGES[name] + MESSAGES["get"]], 3))
    good, bad = told.split(b"HTTP/1.", 2)[1:]
    assert b" 200 OK" in good and b" 400 Bad Request" in bad and closed


def test_requests_that_come_in_one_go_are_answered_in_their_order() -> None:
    for count in (2, 50):
        said = b"".join(request("GET", f"/{'slow' if at % 3 == 0 else ''}{at}") for at in range(count))
        told, closed = asyncio.run(_spoken([said], 0))
        assert [int(at) for at in re.findall(rb"GET /(?:slow)?(\d+) ", told)] == list(range(count))
        assert not closed


@contextmanager
def _noted() -> Iterator[list[str]]:
    """What becomes of what comes: served ``at once``, or ``handed over``."""
    seen: list[str] = []
    begin, hand_over = _Connection._begin, _Connection._hand_over

    def begun(self: _Connection, http: Http) -> None:
        seen.append("at once")
        begin(self, http)

    def handed_over(self: _Connection) -> None:
        seen.append("handed over")
        hand_over(self)

    with patch.object(_Connection, "_begin", begun), patch.object(_Connection, "_hand_over", handed_over):
        yield seen


@pytest.mark.parametrize("rest", [0, 2])
def test_the_common_request_is_served_at_once_and_all_else_by_aiohttp(rest: int) -> None:
    for names, seen_at_the_end in (
        (["post"], ["at once"]),
        (["post", "get", "slow", "head"], ["at once"] * 4),
        (["chunked"], ["handed over"]),
        (["close", "get"], ["handed over"]),
        (["get", "old", "get"], ["at once", "handed over"]),
        (["nonsense"], ["handed over"]),
    ):
        with _noted() as seen:
            asyncio.run(_spoken([MESSAGES[name] for name in names], TURNS, rest))
        assert seen == seen_at_the_end, names


def test_requests_that_come_together_are_aiohttp_s_and_one_that_comes_early_waits_for_its_turn() -> None:
    with _noted() as seen:
        assert asyncio.run(_spoken([MESSAGES["post"] * 2], 0))[0].count(b"200 OK") == 2
        assert seen == ["handed over"]
    with _noted() as seen:
        assert asyncio.run(_spoken([MESSAGES["slow"], MESSAGES["get"]], 0))[0].count(b"200 OK") == 2
        assert seen == ["at once", "at once"]
    with _noted() as seen:
        assert asyncio.run(_spoken([MESSAGES["slow"], MESSAGES["get"], MESSAGES["get"]], 0))[0].count(b"200 OK") == 3
        assert seen == ["at once", "handed over"]


def test_a_body_that_follows_its_head_is_waited_for() -> None:
    head, body = request("POST", "/x", "Content-Length: 9"), b"123456789"
    for pieces in ([head, body], [head, body[:4], body[4:]], [head + body[:1], body[1:]]):
        with _noted() as seen:
            told, _ = asyncio.run(_spoken(pieces, 1))
        assert seen == ["at once"] and b"123456789" in told


async def test_a_body_that_is_late_or_long_is_aiohttp_s_to_wait_for() -> None:
    with _noted() as seen:
        connection, transport = await connected(echo)
        transport.receives(UNFINISHED)
        assert seen == []
        async with asyncio.timeout(10):
            while not seen:
                await asyncio.sleep(0.001)
        transport.receives(b"1234567")
        await turns(TURNS)
        assert seen == ["handed over"] and b"{}1234567" in transport.written
        transport.loses()
        await turns(2)
    with _noted() as seen:
        connection, transport = await connected(echo)
        transport.receives(request("POST", "/x", f"Content-Length: {MAX_HELD}") + b"{")
        assert seen == ["handed over"]
        transport.loses()
        await turns(2)


async def test_a_client_that_leaves_before_its_body_is_there_is_forgotten() -> None:
    with _noted() as seen:
        connection, transport = await connected(echo)
        transport.receives(UNFINISHED)
        transport.loses()
        await asyncio.sleep(PATIENCE * 2)
        assert (seen, transport.written, connection._patience) == ([], b"", None)


async def test_a_client_that_sends_without_end_before_its_answer_is_made_to_wait() -> None:
    connection, transport = await connected(echo)
    transport.receives(MESSAGES["slow"])
    more = MESSAGES["get"] * (MAX_HELD // len(MESSAGES["get"]) + 1)
    transport.receives(more[:100])
    assert not transport.waits
    transport.receives(more[100:])
    assert transport.waits
    async with asyncio.timeout(30):
        while transport.written.count(b"200 OK") < 1 + more.count(b"GET"):
            await asyncio.sleep(0)
    assert not transport.waits
    transport.loses()
    await turns(2)
