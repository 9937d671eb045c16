"""A request as it came over its connection."""

import asyncio
from functools import partial
from unittest.mock import Mock

import pytest
from aiohttp.http import HttpVersion11

from inferd.rest import http
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.request import Request
from tests.served import Served
from tests.unit.rest.serving import request, unsent, untaken

head = partial(request, "POST", "/_inference/completion/e", "Content-Type: application/json")


def connected(http: Http) -> Mock:
    """Gives ``http`` a transport."""
    transport = Mock(**{"is_closing.return_value": False})
    http.connection.transport = transport
    return transport


def test_the_query_is_read_when_somebody_asks() -> None:
    head = unsent("GET", "/x?a=b%20c&a=d").head
    assert (head.raw_path, head.query_string, head.query.getall("a")) == ("/x?a=b%20c&a=d", "a=b c&a=d", ["b c", "d"])
    head = unsent("GET", "/x").head
    assert (head.query_string, len(head.query)) == ("", 0)


def test_a_request_without_a_body_has_none_to_be_read() -> None:
    http = unsent("GET", "/x")
    assert (http.can_read_body, http.content_length, http.remote) == (False, None, "127.0.0.1")
    assert (http.head.keep_alive, http.head.version) == (True, HttpVersion11)


async def test_a_request_s_length_is_what_it_says(inferd: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", inferd.port)
    writer.write(head("Content-Length: 99999999999"))
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_who_reads_a_body_is_told_that_the_client_has_left(inferd: Served) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", inferd.port)
    writer.write(head("Content-Length: 9") + b"{")
    async with asyncio.timeout(10):
        while not inferd.parts.open:
            await asyncio.sleep(0)
        writer.close()
        await inferd.parts.open.none_left()
    assert [line["status"] for line in inferd.lines if line["message"] == "request"] == [499]


def test_a_printed_request_tells_nothing_of_what_was_sent() -> None:
    assert repr(unsent("GET", "/secret")) == "<Http GET>"


def test_what_is_written_goes_to_the_client_as_long_as_it_is_there() -> None:
    http = unsent("GET", "/x")
    http.abort()
    with pytest.raises(ConnectionResetError):
        http.write(b"a")
    transport = connected(http)
    http.write(b"b")
    transport.write.assert_called_once_with(b"b")
    transport.is_closing.return_value = True
    with pytest.raises(ConnectionResetError):
        http.write(b"c")
    http.abort()
    transport.abort.assert_called_once_with()


@pytest.mark.parametrize("paused", [True, False])
def test_who_writes_is_told_whether_the_client_keeps_up(paused: bool) -> None:
    http = unsent("GET", "/x")
    connected(http)
    http.connection = Mock(transport=http.transport, paused=paused)
    assert http.write(b"a") is not paused


async def test_how_much_a_client_takes_is_the_connection_s_to_say() -> None:
    http = unsent("GET", "/x")
    assert not http.writing_paused and http.transport is None
    await http.drain()


async def test_a_client_that_takes_something_is_waited_for_and_one_that_takes_nothing_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "STALLED_AFTER", 0.001)
    request = unsent("GET", "/x")
    transport = connected(request)
    transport.get_write_buffer_size.side_effect = [3, 2, 1, 1]
    waits: list[bool] = []

    async def drained() -> None:
        waits.append(True)
        await asyncio.Event().wait()

    request.connection = Mock(transport=transport, drained=drained)
    with pytest.raises(ConnectionResetError):
        await request.drain()
    assert len(waits) == 3
    transport.abort.assert_called_once_with()


async def test_a_connection_that_is_closed_is_not_asked_how_much_waits() -> None:
    request = unsent("GET", "/x")
    transport = connected(request)
    transport.is_closing.return_value = True
    transport.get_write_buffer_size.side_effect = AttributeError
    await request.drain()


async def test_an_answer_that_is_not_taken_does_not_keep_its_request_open(
    inferd: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "STALLED_AFTER", 0.1)

    async def handle(_: Request) -> Answer:
        return Answer(b"x" * 30_000_000)

    assert await untaken(inferd.parts, handle) == [499]
