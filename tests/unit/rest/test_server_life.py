"""The life of a connection whose requests are served at once: leaving, waiting, resting, ending."""

import asyncio
from typing import Any

import pytest

from inferd.rest import answer, server
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.server import Dispatch
from tests.unit.rest.recorded import GET, POST, TURNS, connected, echo, one_cut_and_one_waiting, turns


class Held:
    """A dispatcher whose answers wait for a word; knows what it began, and what was cancelled."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = self.cancelled = 0

    async def __call__(self, http: Http) -> Answer:
        """The answer, in its time."""
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return answer.text("fine")


async def test_a_client_that_leaves_ends_its_request_at_once() -> None:
    held = Held()
    connection, transport = await connected(held)
    transport.receives(POST)
    await turns(2)
    assert (held.begun, connection._server.connected) == (1, 1)
    transport.loses()
    await turns(2)
    assert (held.cancelled, connection._server.connected, connection._serving) == (1, 0, None)


async def test_what_comes_while_a_request_is_served_waits_for_its_end() -> None:
    held = Held()
    connection, transport = await connected(held)
    for _ in range(3):
        transport.receives(POST)
    await turns(TURNS)
    assert held.begun == 1
    held.go.set()
    await turns(TURNS)
    assert held.begun == 3 and transport.written.count(b"fine") == 3
    transport.loses()


async def test_a_connection_is_not_idle_while_its_request_is_served() -> None:
    held = Held()
    connection, transport = await connected(held, keepalive_timeout=0.01)
    transport.receives(POST)
    while connection._timer is not None:
        await asyncio.sleep(0.005)
    assert not transport.closed
    held.go.set()
    # With its answer it begins to be idle, and that for no longer than it may.
    async with asyncio.timeout(10):
        while not transport.closed:
            await asyncio.sleep(0.005)
    assert b"fine" in transport.written
    transport.loses()


async def test_a_server_that_ends_waits_for_what_is_served_and_closes_what_is_idle() -> None:
    held = Held()
    busy, written = await connected(held)
    idle, unused = await connected(held)
    busy.data_received(POST)
    await turns(2)
    for connection in (busy, idle):
        connection.close()
    ending = asyncio.gather(busy.shutdown(10), idle.shutdown(10))
    await turns(TURNS)
    assert unused.closed and not written.closed
    held.go.set()
    await ending
    assert b"fine" in written.written and written.closed


async def test_a_server_that_ends_does_not_wait_for_ever() -> None:
    held = Held()
    connection, transport = await connected(held)
    transport.receives(POST)
    await turns(2)
    connection.close()
    await connection.shutdown(0.01)
    await turns(2)
    assert held.cancelled == 1 and transport.closed and transport.written == b""


async def _unwritable(http: Http) -> Answer:
    return Answer(headers={"A": "b\r\nSet-Cookie: c"})


async def _broken(http: Http) -> Answer:
    raise KeyError("a bug")


@pytest.mark.parametrize(
    ("broken", "told_by_the_loop"),
    [(_unwritable, "a header holds the end of a line"), (_broken, "'a bug'")],
)
async def test_a_bug_that_leaves_no_answer_closes_the_connection(
    broken: Dispatch, told_by_the_loop: str
) -> None:
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    connection, transport = await connected(broken)
    transport.receives(GET)
    await turns(TURNS)
    assert transport.closed and transport.written == b""
    assert [str(context["exception"]) for context in told] == [told_by_the_loop]
    transport.loses()


async def test_a_client_that_left_unnoticed_is_no_error() -> None:
    async def late(http: Http) -> Answer:
        transport.closed = True
        return answer.text("nobody is there")

    connection, transport = await connected(late)
    transport.receives(GET)
    await turns(TURNS)
    assert transport.written == b"" and connection._serving is None
    transport.loses()


async def test_an_answer_that_has_been_sent_is_not_sent_again() -> None:
    async def sent(http: Http) -> Answer:
        response = answer.text("fine")
        await response.prepare(http)
        return response

    connection, transport = await connected(sent)
    for _ in range(2):
        transport.receives(GET)
        await turns(TURNS)
    assert transport.written.count(b"fine") == 2 and not transport.closed
    transport.loses()


async def test_the_next_answer_waits_until_a_slow_client_has_taken_the_one_before() -> None:
    async def fine(http: Http) -> Answer:
        return answer.text("fine")

    connection, transport = await connected(fine)
    connection.pause_writing()
    for _ in range(2):
        transport.receives(GET)
        await turns(TURNS)
    assert transport.written.count(b"fine") == 1
    connection.resume_writing()
    await turns(TURNS)
    assert transport.written.count(b"fine") == 2
    transport.loses()


async def test_who_waits_after_another_was_cut_is_not_cut_with_it() -> None:
    connection, transport = await connected(echo)
    connection.pause_writing()
    await one_cut_and_one_waiting(connection)
    transport.loses()


async def test_a_client_that_was_slow_while_nobody_waited_is_waited_for_no_more() -> None:
    connection, transport = await connected(echo)
    connection.pause_writing()
    connection.resume_writing()
    await connection.drained()
    transport.loses()


async def test_who_waits_for_a_client_that_leaves_is_told() -> None:
    connection, transport = await connected(echo)
    connection.pause_writing()
    waiting = asyncio.create_task(connection.drained())
    await turns(2)
    transport.loses()
    with pytest.raises(ConnectionResetError):
        await waiting
    with pytest.raises(ConnectionResetError):
        await connection.drained()


async def test_nothing_is_begun_on_a_connection_that_ends() -> None:
    held = Held()
    connection, transport = await connected(held)
    connection.close()
    transport.receives(POST)
    await turns(TURNS)
    assert held.begun == 0 and not transport.closed
    transport.loses()
    # Whoever ends all connections may not have heard yet.
    await connection.shutdown(1)


async def test_a_connection_that_is_used_is_not_closed_at_the_end_of_its_first_rest() -> None:
    connection, transport = await connected(echo)
    first = connection._timer
    assert first is not None
    transport.receives(GET)
    await turns(TURNS)
    connection._look_in()
    assert connection._timer is not None and connection._timer.when() > first.when() and not transport.closed
    first.cancel()
    transport.loses()


@pytest.mark.parametrize("taken", [True, False])
async def test_a_client_that_does_not_take_the_end_of_its_answer_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    monkeypatch.setattr(server, "STALLED_AFTER", 0.001)
    connection, transport = await connected(echo)
    transport.receives(GET)
    await turns(TURNS)
    transport.written = b"" if taken else transport.written
    connection._idle_until = 0
    connection._look_in()
    assert transport.closed and not transport.aborted
    async with asyncio.timeout(10):
        while not (transport.aborted or taken):
            await asyncio.sleep(0)
    assert transport.aborted is not taken
    transport.loses()


async def test_a_connection_is_closed_once() -> None:
    connection, transport = await connected(echo)
    connection._idle_until = 0
    connection._look_in()
    # A client may take its time before the connection is lost, over TLS most of all.
    await connection.shutdown(1)
    assert transport.closed and transport.closes == 1
    transport.loses()
