"""What tests of an upstream client do again and again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.aiohttp_client import AiohttpClient
from inferd.upstream.client import Client, Request, Response
from inferd.upstream.own_client import OwnClient
from tests.scripted_upstream import Upstream, answer

LONG = 20.0  # longer than anything takes
MOST = 1_000_000  # more than any body has
OK = answer(b"ok")
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

KINDS: dict[str, type[AiohttpClient] | type[OwnClient]] = {"aiohttp": AiohttpClient, "inferd": OwnClient}

# Marks a test whose ``client`` is to be of either kind in turn; else it is the reference.
either = pytest.mark.usefixtures("client_kind")
kind = ["aiohttp"]


@asynccontextmanager
async def client(
    policy: AddressPolicy | None = None, *, connect_timeout: float = LONG, ca_file: str = "", stream_buffer: int = 4096
) -> AsyncIterator[AiohttpClient | OwnClient]:
    made = KINDS[kind[0]](
        policy or AddressPolicy(private=True),
        connect_timeout=connect_timeout,
        ca_file=ca_file,
        stream_buffer=stream_buffer,
    )
    try:
        yield made
    finally:
        await made.close()


def request(url: str, *headers: tuple[str, str], body: bytes = b"{}") -> Request:
    return Request(url, headers, body)


async def whole(response: Response) -> bytes:
    try:
        body = response.whole(MOST) or b""
        while part := await response.read():
            body += part
        return body
    finally:
        response.close()


async def asked(sender: Client, url: str) -> bytes:
    return await whole(await sender.send(request(url)))


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0)


async def left(upstream: Upstream) -> None:
    async with asyncio.timeout(LONG):
        await upstream.gone()
