"""The server and its connections, over real sockets."""

import asyncio

from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.routing import Route
from tests.served import Served
from tests.unit.rest.serving import request, serving


async def _fine(asked: Request) -> Answer:
    return answer.text("fine")


ROUTES = [Route("GET", "/x", _fine)]


async def test_requests_follow_each_other_on_a_connection(inferd: Served) -> None:
    async with serving(inferd.parts, ROUTES) as here:
        clients = [await here.connect() for _ in range(2)]
        for reader, writer in clients:
            writer.write(request("GET", "/x") * 3)
            for _ in range(3):
                assert (await reader.readuntil(b"fine")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert here.server.connected == 2
        for _, writer in clients:
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
