"""The server: quiet about what is no HTTP, and about itself."""

import asyncio


from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.dispatch import Dispatcher
from inferd.rest.http import Http
from inferd.rest.request import Request
from inferd.rest.routing import Route
from tests.served import Served
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
        here.server.request_handler = _broken  # type: ignore[assignment]  # of requests that are inferd's own
        told = await here.say(request("GET", f"/{SECRET}", "Connection: close"))
    assert told.startswith(b"HTTP/1.1 500 ") and b"an internal error of inferd" in told
    assert SECRET not in here.stream.getvalue()
    assert [(line["message"], line["exception"]) for line in here.lines] == [("bug", "KeyError")]


async def _broken(http: Http) -> Answer:
    raise KeyError(SECRET)


async def test_requests_follow_each_other_on_a_connection(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        reader, writer = await here.connect()
        writer.write(request("GET", "/x") * 3)
        for _ in range(3):
            assert (await reader.readuntil(b"fine")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert here.server.connected == 1
        writer.close()


async def test_connections_are_counted_and_their_end_is_told(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        gone = asyncio.Event()
        here.server.on_disconnect = gone.set
        _, writer = await here.connect()
        _, other = await here.connect()
        while here.server.connected < 2:
            await asyncio.sleep(0)
        writer.close()
        async with asyncio.timeout(10):
            await gone.wait()
        assert here.server.connected == 1
        other.close()


async def test_packed_bodies_are_left_to_inferd(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        headers = ("Content-Type: application/json", "Content-Encoding: gzip", "Content-Length: 2", "Connection: close")
        assert b"200 OK" in await here.say(request("POST", "/x", *headers) + b"{}")


async def test_a_server_answers_by_its_dispatcher(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        assert isinstance(here.server.request_handler, Dispatcher)
