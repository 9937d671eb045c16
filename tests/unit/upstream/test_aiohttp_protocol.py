"""Answers that begin, break off, come unasked or are none, byte for byte; on both loops, on real sockets."""

import asyncio
from contextlib import nullcontext

import pytest

from inferd.upstream.client import Broken, Unreachable
from tests import scripted_upstream as script
from tests.scripted_upstream import answer, chunk, scripted
from tests.unit.upstream.sending import HEAD, LONG, OK, asked, client, either, left, request


@either
async def test_a_connection_that_was_closed_in_the_pool_is_not_used() -> None:
    async with scripted([OK, script.close], [OK]) as upstream, client() as sender:
        await asked(sender, upstream.url)
        await left(upstream)
        assert await asked(sender, upstream.url) == b"ok"
        assert len(upstream.received) == 2


@either
@pytest.mark.parametrize("unasked", [answer(b"evil"), b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"H"])
async def test_an_answer_that_nobody_asked_for_reaches_nobody(unasked: bytes) -> None:
    async with scripted([OK, unasked], [OK]) as upstream, client() as sender:
        for _ in range(3):
            assert await asked(sender, upstream.url) == b"ok"


@either
@pytest.mark.parametrize("deed", [script.close, script.reset])
async def test_an_answer_that_never_began_may_be_asked_for_again(deed: script.Deed) -> None:
    async with scripted([deed]) as upstream, client() as sender:
        with pytest.raises(Unreachable) as trouble:
            await sender.send(request(upstream.url))
        assert trouble.value.again
        assert len(upstream.received) == 1


@either
@pytest.mark.parametrize("began", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"])
@pytest.mark.parametrize("deed", [script.close, script.reset])
@pytest.mark.parametrize("before", [0, 1])
async def test_nothing_is_sent_again_once_a_byte_came(before: int, began: bytes, deed: script.Deed) -> None:
    scripts: list[script.Script] = [[OK]] * before + [[began, script.pause(0.05), deed], [OK]]
    async with scripted(*scripts) as upstream, client() as sender:
        for _ in range(before):
            await asked(sender, upstream.url)
        with pytest.raises(Broken) as trouble:
            await sender.send(request(upstream.url))
        assert not trouble.value.again
        assert len(upstream.received) == before + 1
        await left(upstream)


@either
async def test_a_new_connection_that_dies_after_a_stale_one_is_told() -> None:
    async with scripted([OK], [script.close]) as upstream, client() as sender:
        await asked(sender, upstream.url)
        with pytest.raises(Unreachable):
            await sender.send(request(upstream.url))
        assert len(upstream.received) == 3


@either
@pytest.mark.parametrize(
    "head",
    [
        b"rubbish\r\n\r\n",
        b"\0\1\2\xff\xfe",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: x\r\n" % at for at in range(200)) + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
)
async def test_a_head_that_is_none_is_broken_and_not_repeated(head: bytes) -> None:
    async with scripted([head, script.stall]) as upstream, client() as sender:
        with pytest.raises(Broken, match="is not valid HTTP") as trouble:
            async with asyncio.timeout(LONG):
                await sender.send(request(upstream.url))
        assert len(str(trouble.value)) < 80
        await left(upstream)


@either
@pytest.mark.parametrize(
    ("said", "before"),
    [
        ([HEAD, chunk(b"one"), script.pause(0.05), b"no-size\r\n", script.stall], b"one"),
        ([HEAD, chunk(b"one"), script.pause(0.05), b"5\r\ntoo long for five", script.stall], b"onetoo l"),
        ([HEAD, chunk(b"one"), b"5\r\ntw", script.close], b"onetw"),
        ([HEAD, chunk(b"one"), script.close], b"one"),
        ([HEAD, chunk(b"one"), script.pause(0.05), script.reset], b"one"),
        ([HEAD, script.pause(0.05), b"ffffffffffffffffffff\r\n", script.stall], b""),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", script.close], b"short"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", script.pause(0.05), script.reset], b"short"),
    ],
)
async def test_a_body_that_breaks_off_is_told_after_what_came_before(said: script.Script, before: bytes) -> None:
    async with scripted(said) as upstream, client() as sender:
        response = await sender.send(request(upstream.url))
        body = b""
        async with asyncio.timeout(LONG):
            with pytest.raises(Broken, match="broke off"):
                while part := await response.read():
                    body += part
            assert body == before
            response.close()
            await left(upstream)
        assert sender.stats() == {"leased": 0, "available": 0, "pending": 0}


async def test_what_is_longer_than_announced_reaches_nobody_else(client_kind: str) -> None:
    async with scripted([OK + b"and more", script.stall], [OK]) as upstream, client() as sender:
        # The own client goes by where the answer ended, the same as if the rest had come a moment later.
        with pytest.raises(Broken) if client_kind == "aiohttp" else nullcontext():
            assert await asked(sender, upstream.url) == b"ok"
        assert await asked(sender, upstream.url) == b"ok"
        assert upstream.connections == 2


@either
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_is_empty(status: str) -> None:
    async with scripted([f"HTTP/1.1 {status}\r\n\r\n".encode()]) as upstream, client() as sender:
        assert await asked(sender, upstream.url) == b""


@either
async def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with scripted([interim, OK]) as upstream, client() as sender:
        assert await asked(sender, upstream.url) == b"ok"


@either
async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async with scripted([b"HTTP/1.1 200 OK\r\n\r\nall of it", script.close]) as upstream, client() as sender:
        assert await asked(sender, upstream.url) == b"all of it"
