"""Who leaves the aiohttp client leaves nothing behind, and who reads slowly holds the upstream up."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from inferd.upstream.aiohttp_client import AiohttpResponse
from tests import scripted_upstream as script
from tests.scripted_upstream import chunk, scripted
from tests.unit.upstream import certificate
from tests.unit.upstream.sending import HEAD, LONG, OK, asked, client, either, left, request, until


async def test_a_reader_that_does_not_read_stops_the_upstream() -> None:
    async with scripted([HEAD, script.forever(chunk(b"x" * 4096))]) as upstream, client(stream_buffer=8192) as sender:
        response = await sender.send(request(upstream.url))
        assert isinstance(response, AiohttpResponse)
        connection = response._response.connection
        assert connection is not None and connection.protocol is not None
        protocol = connection.protocol
        await until(lambda: protocol._reading_paused)
        # One read of the loop may come on top: 256 KiB.
        assert response._response.content.total_bytes <= 8192 + 256 * 1024
        assert len(await response.read()) <= 8192
        response.close()
        await left(upstream)


@either
async def test_a_cancelled_request_leaves_nothing_behind_while_it_waits_for_an_answer() -> None:
    async with scripted([script.stall]) as upstream, client() as sender:
        task = asyncio.create_task(sender.send(request(upstream.url)))
        await upstream.asked()
        task.cancel()
        await left(upstream)
        assert sender.stats()["leased"] == 0


@either
async def test_a_cancelled_request_is_not_sent_to_its_end() -> None:
    loop, body = asyncio.get_running_loop(), b"x" * (64 << 20)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with client() as sender:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            task = asyncio.create_task(sender.send(request(url, body=body)))
            connection, _ = await loop.sock_accept(listening)
            with connection:
                taken = len(await loop.sock_recv(connection, 1 << 20))
                task.cancel()
                await asyncio.wait({task})
                assert sender.stats()["leased"] == 0
                with suppress(ConnectionError):
                    while part := await loop.sock_recv(connection, 1 << 20):
                        taken += len(part)
    assert 0 < taken < len(body)


@either
async def test_a_cancelled_request_leaves_nothing_behind_while_it_connects() -> None:
    # Nobody shakes hands at a plain port.
    async with scripted([script.stall]) as upstream, client() as sender:
        task = asyncio.create_task(sender.send(request(f"https://{upstream.address}/")))
        await upstream.settled(lambda upstream: upstream.connections == 1)
        task.cancel()
        await left(upstream)
        assert sender.stats()["leased"] == 0


async def test_a_cancelled_request_leaves_nothing_behind_while_its_name_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking = asyncio.Event()

    async def resolve(*_: object) -> list[ResolveResult]:
        looking.set()
        await asyncio.sleep(LONG)
        return []

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    async with client() as sender:
        task = asyncio.create_task(sender.send(request("http://a.example/")))
        await looking.wait()
        task.cancel()
        await asyncio.wait({task})
        assert sender.stats()["leased"] == 0


@either
async def test_closing_the_client_ends_its_connections() -> None:
    async with scripted([OK], [HEAD, script.stall]) as upstream:
        async with client() as sender:
            await asked(sender, upstream.url)
            response = await sender.send(request(upstream.url))
        await left(upstream)
        response.close()


@either
async def test_leaving_over_tls_does_not_wait_for_a_farewell(tmp_path: Path) -> None:
    file = certificate.write(tmp_path)
    tls = certificate.server_context(file)
    async with scripted([HEAD, script.forever(chunk(b"x" * 65536))], tls=tls) as upstream:
        async with client(ca_file=str(file)) as sender:
            response = await sender.send(request(upstream.url))
            response.close()
            await left(upstream)


@either
async def test_a_connection_is_leased_while_its_answer_comes() -> None:
    async with scripted([HEAD, script.stall]) as upstream, client() as sender:
        response = await sender.send(request(upstream.url))
        assert sender.stats() == {"leased": 1, "available": 0, "pending": 0}
        response.close()
        assert sender.stats() == {"leased": 0, "available": 0, "pending": 0}
        await left(upstream)
