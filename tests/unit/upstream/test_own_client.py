"""The client as a whole, against an upstream that follows a script."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.client import Broken, Client, Refused, Request, Response, Unreachable
from inferd.upstream.connection import ConnectionResponse
from inferd.upstream.own_client import OwnClient
from tests.unit.upstream import certificate
from tests.unit.upstream.serving import serving

LONG = 20.0  # longer than anything takes
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# What a connection says to one request after another; None leaves without waiting for one.
Script = list[list[bytes | None]]


class Upstream:
    """Plays a script of its own for each connection, and notes what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for said in self.script.pop(0):
            if said is None:
                return
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.rpartition(b"Content-Length: ")[2])
            self.asked.append(head + await reader.readexactly(size))
            writer.write(said)
        await reader.read()


@asynccontextmanager
async def upstream(script: Script, file: Path | None = None) -> AsyncIterator[Upstream]:
    playing = Upstream(script)
    async with serving(playing, certificate.server_context(file) if file is not None else None) as origin:
        playing.url = f"{'https' if origin.tls else 'http'}://{origin.host}:{origin.port}/v1/chat"
        yield playing


@asynccontextmanager
async def client(*, private: bool = True, ca_file: str = "") -> AsyncIterator[Client]:
    made = OwnClient(AddressPolicy(private=private), connect_timeout=LONG, ca_file=ca_file)
    try:
        yield made
    finally:
        await made.close()


def request(url: str) -> Request:
    return Request(url, (("Authorization", "Bearer key"),), b"{}")


async def body(response: Response) -> bytes:
    whole = b""
    while part := await response.read():
        whole += part
    response.close()
    return whole


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0)


async def test_a_request_arrives_as_it_was_given_and_its_answer_too() -> None:
    async with upstream([[OK]]) as server, client() as own:
        response = await own.send(request(server.url))
        assert (response.status, response.headers["Content-length"], await body(response)) == (200, "2", b"ok")
    host = server.url.split("/")[2].encode()
    assert server.asked == [
        b"POST /v1/chat HTTP/1.1\r\nHost: " + host + b"\r\nAuthorization: Bearer key\r\nContent-Length: 2\r\n\r\n{}"
    ]


async def test_connections_are_used_again_and_counted() -> None:
    async with upstream([[OK, OK, OK]]) as server, client() as own:
        for _ in range(3):
            assert await body(await own.send(request(server.url))) == b"ok"
            assert own.stats() == {"leased": 0, "available": 1, "pending": 0}
        assert server.connections == 1


async def test_requests_at_once_have_a_connection_each() -> None:
    slow = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    async with upstream([[slow], [slow]]) as server, client() as own:
        responses = await asyncio.gather(*(own.send(request(server.url)) for _ in range(2)))
        assert own.stats() == {"leased": 2, "available": 0, "pending": 0}
        for response in responses:
            response.close()
        await until(lambda: own.stats()["leased"] == 0)


async def test_over_tls_all_is_the_same(tmp_path: Path) -> None:
    file = certificate.write(tmp_path)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    async with upstream([[OK, chunked]], file) as server, client(ca_file=str(file)) as own:
        for _ in range(2):
            assert await body(await own.send(request(server.url))) == b"ok"


async def test_a_pooled_connection_that_dies_silently_is_replaced_without_a_word() -> None:
    async with upstream([[OK, b"", None], [OK]]) as server, client() as own:
        for _ in range(2):
            assert await body(await own.send(request(server.url))) == b"ok"
        assert server.connections == 2
        assert server.asked[1] == server.asked[2]


async def test_a_second_connection_that_dies_is_told() -> None:
    async with upstream([[OK, b"", None], [b"", None]]) as server, client() as own:
        await body(await own.send(request(server.url)))
        with pytest.raises(Unreachable):
            await own.send(request(server.url))


async def test_nothing_is_sent_again_once_a_byte_came() -> None:
    async with upstream([[OK, b"HTTP/1.1 2", None]]) as server, client() as own:
        await body(await own.send(request(server.url)))
        with pytest.raises(Broken) as trouble:
            await own.send(request(server.url))
        assert (server.connections, trouble.value.again) == (1, False)


async def test_nothing_is_sent_again_once_the_client_is_closed() -> None:
    async with upstream([[OK, b""]]) as server, client() as own:
        await body(await own.send(request(server.url)))
        asked = asyncio.create_task(own.send(request(server.url)))
        await until(lambda: len(server.asked) == 2)
        await own.close()
        with pytest.raises(Unreachable):
            await asked
        assert server.connections == 1


async def test_a_new_connection_that_dies_is_told() -> None:
    async with upstream([[b"", None]]) as server, client() as own:
        with pytest.raises(Unreachable) as trouble:
            await own.send(request(server.url))
        assert trouble.value.again


async def test_an_address_that_is_not_allowed_is_refused() -> None:
    async with upstream([]) as server, client(private=False) as own:
        with pytest.raises(Refused):
            await own.send(request(server.url))
        assert server.connections == 0


@pytest.mark.parametrize(
    "url, headers, told",
    [
        ("ftp://127.0.0.1/", (), "the URL is not allowed"),
        ("http://127.0.0.1/", (("X", "a\r\nY: b"),), "a header cannot be sent"),
    ],
)
async def test_what_cannot_be_sent_is_told(url: str, headers: tuple[tuple[str, str], ...], told: str) -> None:
    async with client() as own:
        with pytest.raises(Refused, match=told):
            await own.send(Request(url, headers, b""))


async def test_a_connection_that_was_left_waits_for_no_collector() -> None:
    async with upstream([[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"]]) as server, client() as own:
        gc.disable()
        try:
            response = await own.send(request(server.url))
            assert isinstance(response, ConnectionResponse)
            connection = weakref.ref(response._connection)
            response.close()
            del response
            await until(lambda: connection() is None)
        finally:
            gc.enable()


async def test_closing_ends_what_is_under_way() -> None:
    async with upstream([[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"]]) as server, client() as own:
        response = await own.send(request(server.url))
        await own.close()
        with pytest.raises(Broken):
            await response.read()
        assert own.stats() == {"leased": 0, "available": 0, "pending": 0}
