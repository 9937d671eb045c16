"""Clients that leave: their requests upstream end, and nothing is left of them, whatever inferd was just doing."""

import asyncio
import gc
import os
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from tests import scripted_upstream as script
from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, Script, Upstream, answer, chunk, delta, scripted
from tests.served import Served, served

LONG = 30.0  # longer than anything takes
STREAMS = 300

CHAT = msgspec.json.encode({"messages": [{"role": "user", "content": "x"}]})
ENDLESS: Script = [STREAM_HEAD, script.forever(chunk(delta("word ")), 0.001)]

both_clients = pytest.mark.parametrize("client", ["inferd", "aiohttp"])
both_loops = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])

Loop = Callable[[], asyncio.AbstractEventLoop]


class Client:
    """A client that asks for a chat and leaves without reading to the end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def asking(cls, inferd: Served, inference_id: str = "e") -> "Client":
        """One that has just sent its request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", inferd.port)
        head = (
            f"POST /_inference/chat_completion/{inference_id}/_unified HTTP/1.1\r\nHost: h\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(CHAT)}\r\n\r\n"
        )
        writer.write(head.encode() + CHAT)
        return cls(reader, writer)

    async def reads(self, size: int) -> None:
        """Takes so many bytes of the answer."""
        await self.reader.readexactly(size)

    async def leaves(self, *, politely: bool = False) -> None:
        """Closes the connection, or resets it."""
        if politely:
            self.writer.close()
            await self.writer.wait_closed()
        else:
            self.writer.transport.abort()


def played(loop: Loop, scenario: Coroutine[Any, Any, None]) -> None:
    """Runs ``scenario`` on such a loop, within a time that it never takes."""

    async def in_time() -> None:
        async with asyncio.timeout(LONG):
            await scenario

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(in_time())


def descriptors() -> int:
    """How many are open in this process."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.001)


async def nothing_left(inferd: Served, upstream: Upstream, before: set[asyncio.Task[Any]]) -> None:
    """Returns once no request, no task and no connection upstream is left of those that were made since ``before``."""
    await inferd.parts.open.none_left()
    await upstream.gone()
    await until(lambda: inferd.parts.connections()["leased"] == 0)
    await until(lambda: asyncio.all_tasks() <= before)


# Returns when inferd has come to a certain point with the request of that number, counted from 1.
Moment = Callable[[Upstream, int], Awaitable[None]]


async def asked(upstream: Upstream, number: int) -> None:
    await upstream.asked(number)


async def connecting(upstream: Upstream, number: int) -> None:
    await upstream.settled(lambda upstream: upstream.connections >= number)


async def between_attempts(upstream: Upstream, number: int) -> None:
    await upstream.asked(number)
    await upstream.gone()


@both_clients
@both_loops
@pytest.mark.parametrize(
    ("said", "scheme", "moment", "read"),
    [
        ([script.stall], "http", asked, 0),
        ([script.stall], "https", connecting, 0),
        ([script.close], "http", between_attempts, 0),
        ([STREAM_HEAD, script.stall], "http", asked, 0),
        (ENDLESS, "http", asked, 500),
        ([STREAM_HEAD, script.forever(chunk(delta("x" * 60_000)))], "http", asked, 500),
    ],
    ids=["before-the-answer", "connecting", "between-attempts", "before-a-chunk", "in-a-stream", "in-a-flood"],
)
def test_who_leaves_takes_the_request_upstream_along(
    tmp_path: Path, client: str, loop: Loop, said: Script, scheme: str, moment: Moment, read: int
) -> None:
    async def scenario() -> None:
        async with served(tmp_path, upstream_client=client) as inferd, scripted(said) as upstream:
            inferd.skip_trials()
            await inferd.put("e", "chat_completion", url=upstream.url.replace("http", scheme, 1))
            before = asyncio.all_tasks()
            for number, politely in enumerate((True, False), 1):
                leaving = await Client.asking(inferd)
                await moment(upstream, number)
                await leaving.reads(read)
                await leaving.leaves(politely=politely)
                await nothing_left(inferd, upstream, before)
            assert [line["status"] for line in inferd.lines if "unified" in line.get("route", "")] == [499, 499]

    played(loop, scenario())


@both_clients
@both_loops
def test_who_leaves_with_the_whole_answer_has_been_served(tmp_path: Path, client: str, loop: Loop) -> None:
    # The end of the body upstream is still to come when the client has everything.
    said: Script = [STREAM_HEAD, chunk(delta("hello", "stop")), chunk(DONE), script.stall]

    async def scenario() -> None:
        async with served(tmp_path, upstream_client=client) as inferd, scripted(said) as upstream:
            inferd.skip_trials()
            await inferd.put("e", "chat_completion", url=upstream.url)
            before = asyncio.all_tasks()
            content = await Client.asking(inferd)
            assert b"data: [DONE]" in await content.reader.readuntil(b"\r\n0\r\n\r\n")
            await content.leaves(politely=True)
            await nothing_left(inferd, upstream, before)
            assert [line["status"] for line in inferd.lines if "unified" in line.get("route", "")] == [200]

    played(loop, scenario())


@both_clients
@both_loops
def test_who_leaves_the_queue_never_reaches_the_upstream(tmp_path: Path, client: str, loop: Loop) -> None:
    async def scenario() -> None:
        async with served(tmp_path, upstream_client=client, limits_burst="1") as inferd, scripted(ENDLESS) as upstream:
            inferd.skip_trials()
            await inferd.put("e", "chat_completion", url=upstream.url, rate_limit={"requests_per_minute": 1})
            before = asyncio.all_tasks()
            first = await Client.asking(inferd)
            await first.reads(500)
            second = await Client.asking(inferd)
            await until(lambda: any(limit.waiting for limit in inferd.parts.limits))
            await second.leaves()
            await until(lambda: not any(limit.waiting for limit in inferd.parts.limits))
            await first.leaves()
            await nothing_left(inferd, upstream, before)
            assert len(upstream.received) == 1
            assert sum(limit.given for limit in inferd.parts.limits) == 1

    played(loop, scenario())


# All of them close what they have answered whole: inferd would keep those connections.
SCRIPTS: Sequence[Script] = [
    ENDLESS,
    [STREAM_HEAD, script.forever(chunk(delta("x" * 60_000)))],
    [script.pause(0.05), STREAM_HEAD, chunk(delta("x")), script.stall],
    [script.stall],
    [script.close],
    [answer(b"", "503 No"), script.close],
    [STREAM_HEAD, chunk(delta("x", "stop")), chunk(DONE), LAST_CHUNK, script.close],
]


@both_clients
@both_loops
def test_of_many_that_leave_at_random_moments_nothing_is_left(tmp_path: Path, client: str, loop: Loop) -> None:
    chance = random.Random(300)

    async def comes_and_goes(inferd: Served, number: int) -> None:
        await asyncio.sleep(chance.random() * 0.3)
        leaving = await Client.asking(inferd, f"e{number % len(SCRIPTS)}")
        try:
            async with asyncio.timeout(chance.random() * 0.5):
                await leaving.reader.read(chance.randrange(1, 5000))
                await asyncio.sleep(chance.random() * 0.3)
        except TimeoutError:
            pass
        await leaving.leaves(politely=chance.random() < 0.5)

    async def scenario() -> None:
        async with served(tmp_path, upstream_client=client) as inferd, AsyncExitStack() as stack:
            inferd.skip_trials()
            upstreams = [await stack.enter_async_context(scripted(said)) for said in SCRIPTS]
            for number, upstream in enumerate(upstreams):
                await inferd.put(f"e{number}", "chat_completion", url=upstream.url)
            before, open_before = asyncio.all_tasks(), descriptors()
            await asyncio.gather(*(comes_and_goes(inferd, number) for number in range(STREAMS)))
            for upstream in upstreams:
                await nothing_left(inferd, upstream, before)
            await until(lambda: descriptors() <= open_before)
            assert len(inferd.parts.open) == 0

    played(loop, scenario())
