"""Bodies that are pushed, and waits that have an end, whichever client it is."""

import asyncio

import pytest

from inferd.upstream.client import Broken
from tests import scripted_upstream as script
from tests.scripted_upstream import chunk, scripted
from tests.unit.upstream.sending import HEAD, LONG, OK, client, either, left, request

SHORT = 0.01  # seconds, of which a test waits for the end


def soon(seconds: float = LONG) -> float:
    return asyncio.get_running_loop().time() + seconds


@either
async def test_a_body_is_pushed_to_its_end_and_the_connection_serves_again() -> None:
    chunked = HEAD + chunk(b"one") + chunk(b"two") + chunk(b"")
    async with scripted([chunked, OK]) as upstream, client() as sender:
        taken: list[bytes] = []

        def take(data: bytes) -> bool:
            taken.append(data)
            return True

        response = await sender.send(request(upstream.url), soon())
        assert await response.push(take, LONG)
        assert b"".join(taken) == b"onetwo"
        response.close()


@either
async def test_who_takes_no_more_can_read_on() -> None:
    async with scripted([HEAD + chunk(b"one"), script.stall]) as upstream, client() as sender:
        response = await sender.send(request(upstream.url))
        assert not await response.push(lambda _: None, LONG)
        with pytest.raises(TimeoutError):
            await response.read(soon(SHORT))
        response.close()
        await left(upstream)


@either
async def test_a_push_ends_when_nothing_comes_in_time() -> None:
    async with scripted([HEAD + chunk(b"one"), script.stall]) as upstream, client() as sender:
        response = await sender.send(request(upstream.url))
        with pytest.raises(TimeoutError):
            await response.push(lambda _: True, SHORT)
        with pytest.raises(TimeoutError):
            await response.push(lambda _: True, SHORT)
        response.close()
        await left(upstream)


@either
async def test_what_came_is_pushed_before_the_body_breaks_off() -> None:
    async with scripted([HEAD + chunk(b"one"), script.reset]) as upstream, client() as sender:
        taken: list[bytes] = []

        def take(data: bytes) -> bool:
            taken.append(data)
            return True

        response = await sender.send(request(upstream.url))
        with pytest.raises(Broken):
            await response.push(take, LONG)
        assert taken == [b"one"]
        response.close()


@either
@pytest.mark.parametrize("tls", [False, True])
async def test_an_answer_that_does_not_begin_in_time_leaves_nothing_behind(tls: bool) -> None:
    async with scripted([script.stall]) as upstream, client() as sender:
        url = f"https://{upstream.address}/" if tls else upstream.url
        with pytest.raises(TimeoutError):
            await sender.send(request(url), soon(SHORT))
        await left(upstream)
        assert sender.stats()["leased"] == 0
