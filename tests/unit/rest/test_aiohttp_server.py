"""aiohttp's side of the server: quiet about what is no HTTP, and about itself."""

import ast
import inspect
import re

from aiohttp.web_protocol import RequestHandler

from inferd.rest import answer
from inferd.rest.aiohttp_server import INSIDES, Connection
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.request import Request
from inferd.rest.routing import Route
from tests.served import Served
from tests.unit.rest.recorded import (
    GET,
    TURNS,
    UNFINISHED,
    Recorded,
    connected,
    echo,
    one_cut_and_one_waiting,
    turns,
)
from tests.unit.rest.serving import request, serving

SECRET = "sk-topsecret"


async def _fine(asked: Request) -> Answer:
    return answer.text("fine")


ROUTES = [Route("GET", "/x", _fine), Route("POST", "/x", _fine, body="any")]


async def test_a_malformed_message_is_answered_in_json_and_closed(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        told = await here.say(f"{SECRET} nonsense\r\n\r\n".encode())
    head, _, body = told.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0] and b"Content-Type: application/json" in head
    assert b"Server: inferd" in head and b"Python" not in told and SECRET.encode() not in told
    assert b'"reason":"the request is not valid HTTP"' in body
    (line,) = here.lines
    assert (line["message"], line["level"]) == ("malformed request", "info")
    assert SECRET not in here.stream.getvalue()


async def test_a_dispatcher_that_fails_is_a_bug_and_no_fault_of_the_client(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        here.server.dispatch = _broken
        told = await here.say(request("GET", f"/{SECRET}", "Connection: close"))
    assert told.startswith(b"HTTP/1.1 500 ") and b"an internal error of inferd" in told
    assert SECRET not in here.stream.getvalue()
    assert [(line["message"], line["exception"]) for line in here.lines] == [("bug", "KeyError")]


async def _broken(http: Http) -> Answer:
    raise KeyError(SECRET)


async def test_packed_bodies_are_left_to_inferd(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        headers = ("Content-Type: application/json", "Content-Encoding: gzip", "Content-Length: 2", "Connection: close")
        assert b"200 OK" in await here.say(request("POST", "/x", *headers) + b"{}")


async def handed_over(*, paused: bool = False) -> tuple[Connection, Recorded]:
    """A connection that is aiohttp's, and waits for the rest of a body."""
    connection, transport = await connected(echo)
    if paused:
        connection.pause_writing()
    transport.receives(UNFINISHED)
    connection._hand_over()
    assert isinstance(transport.protocol, Connection)
    return transport.protocol, transport


async def test_reading_goes_on_after_a_body_was_held_up() -> None:
    connection, transport = await handed_over()
    connection.resume_reading()
    connection.pause_reading()
    transport.receives(b"1234567" + GET)
    connection.resume_reading()
    await turns(TURNS)
    assert transport.written.count(b"200 OK") == 2
    transport.loses()


async def test_a_client_that_takes_no_more_is_waited_for_by_whoever_writes_next() -> None:
    connection, transport = await handed_over(paused=True)
    await one_cut_and_one_waiting(connection)
    transport.loses()


async def test_a_connection_is_counted_until_its_end_and_keeps_its_client_s_address() -> None:
    connection, transport = await connected(echo)
    server = connection._server
    transport.receives(request("GET", "/x", "Connection: close"))
    assert (server.connected, server.connections) == (1, set())
    await turns(TURNS)
    assert b" 192.0.2.1 " in transport.written and transport.closed
    transport.loses()
    assert server.connected == 0


async def test_a_server_that_ends_closes_what_aiohttp_has() -> None:
    connection, transport = await connected(echo)
    transport.receives(UNFINISHED)
    connection._hand_over()
    connection._server.pre_shutdown()
    assert not transport.closed
    await connection._server.shutdown(0.01)
    assert transport.closed
    transport.loses()


def test_aiohttp_still_has_the_insides_that_are_used() -> None:
    known = {name for kind in RequestHandler.__mro__ for name in vars(kind)}
    missing = set(INSIDES) - known
    assert not missing, f"aiohttp has changed, read its web_protocol.py again before you take it: {sorted(missing)}"
    assert _used() == set(INSIDES)


def _used() -> set[str]:
    """The names with an underscore that the connection uses of itself, less its own."""
    own = {name for name in vars(Connection) if name.startswith("_")} - set(INSIDES)
    tree = ast.parse(inspect.getsource(Connection))
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Call)
    }
    return {name for name in names if re.fullmatch("_[a-z][a-z_]*", name)} - own
