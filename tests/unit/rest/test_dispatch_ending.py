"""Requests that end before their answer does: cut by the daemon, or left by their client."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from inferd.errors import StatusFailure, envelope
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.routing import Route
from inferd.rest.stream import EventStream
from tests.served import Served
from tests.unit.rest.serving import request, serving


class Waiting:
    """A handler that waits until it is ended."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def handle(self, request: Request) -> Answer:
        """Waits for ever."""
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError


@pytest.mark.parametrize(
    ("carrier", "begins"),
    [("body", b'{"error":{"root_cause"'), ("event", b'event: error\ndata: {"error":{"root_cause"'),
     ("chat", b'event: error\ndata: {"error":{"code":"service_unavailable"')],
)  # fmt: skip
async def test_a_request_that_is_cut_gets_its_answer(inferd: Served, carrier: str, begins: bytes) -> None:
    waiting = Waiting()
    async with serving(inferd.parts, [Route("GET", "/x", waiting.handle, carrier=carrier)]) as here:
        asked = asyncio.create_task(here.ask("GET", "/x"))
        await waiting.begun.wait()
        assert inferd.parts.open.cut(StatusFailure("shutting down", 503, headers={"Retry-After": "1"})) == 1
        head, told = await asked
    assert head.startswith("HTTP/1.1 503 ") and "Retry-After: 1" in head
    assert told.startswith(begins)
    assert waiting.ended.is_set() and len(inferd.parts.open) == 0
    assert [line["status"] for line in here.lines] == [503]


async def test_a_request_that_was_cut_harms_none_that_follows_it(inferd: Served) -> None:
    waiting = Waiting()

    async def handle(asked: Request) -> Answer:
        await asyncio.sleep(0)
        return Answer(b"fine")

    async with serving(inferd.parts, [Route("GET", "/x", waiting.handle), Route("GET", "/y", handle)]) as here:
        reader, writer = await here.connect()
        for _ in range(2):
            waiting.begun.clear()
            writer.write(request("GET", "/x"))
            await waiting.begun.wait()
            inferd.parts.open.cut(StatusFailure("over", 503))
            assert (await reader.readuntil(b"503}")).startswith(b"HTTP/1.1 503 ")
            writer.write(request("GET", "/y"))
            assert (await reader.readuntil(b"fine")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_client_that_leaves_ends_its_request(inferd: Served) -> None:
    waiting = Waiting()
    async with serving(inferd.parts, [Route("GET", "/x", waiting.handle)]) as here:
        _, writer = await here.connect()
        writer.write(request("GET", "/x"))
        await waiting.begun.wait()
        writer.close()
        async with asyncio.timeout(10):
            await waiting.ended.wait()
            await inferd.parts.open.none_left()
    assert [(line["message"], line["status"]) for line in here.lines] == [("request", 499)]


async def test_a_client_that_left_before_a_write_is_no_bug(inferd: Served) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def handle(asked: Request) -> Answer:
        begun.set()
        await asyncio.shield(gone.wait())
        transport = asked.http.transport
        assert transport is not None
        transport.abort()
        raise ConnectionResetError("Cannot write to closing transport")

    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        asked = asyncio.create_task(here.say(request("GET", "/x")))
        await begun.wait()
        gone.set()
        with suppress(ConnectionError):
            assert await asked == b""
        async with asyncio.timeout(10):
            await inferd.parts.open.none_left()
    assert [line["message"] for line in here.lines] == ["request"]
    assert here.lines[0]["status"] == 499


async def test_a_client_that_leaves_with_the_whole_of_its_stream_was_served(inferd: Served) -> None:
    waiting = Waiting()

    async def handle(asked: Request) -> Answer:
        async def batches() -> AsyncIterator[list[bytes]]:
            yield [b"first\n"]

        await EventStream(asked, envelope).send(batches(), b"".join)
        return await waiting.handle(asked)

    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        reader, writer = await here.connect()
        writer.write(request("GET", "/x"))
        async with asyncio.timeout(10):
            await reader.readuntil(b"[DONE]\n\n")
            await waiting.begun.wait()
            writer.close()
            await inferd.parts.open.none_left()
    assert [(line["message"], line["status"]) for line in here.lines] == [("request", 200)]


class Held:
    """What a handler has at hand while it runs."""


async def test_what_a_stream_had_at_hand_goes_with_its_client(inferd: Served) -> None:
    had: list[weakref.ref[Held]] = []

    async def handle(asked: Request) -> Answer:
        held = Held()
        had.append(weakref.ref(held))

        async def batches() -> AsyncIterator[list[bytes]]:
            while True:
                yield [b"x" * 65536 + b"\n"]

        return await EventStream(asked, envelope).send(batches(), b"".join)

    gc.collect()
    gc.disable()  # It would tidy up what this is about, though not when it is old.
    try:
        async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
            reader, writer = await here.connect()
            writer.write(request("GET", "/x"))
            async with asyncio.timeout(10):
                await reader.readuntil(b"xxx")
                writer.transport.abort()
                await inferd.parts.open.none_left()
                while here.server.connected:
                    await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert [held() for held in had] == [None]
    finally:
        gc.enable()


async def test_what_a_failure_had_at_hand_goes_with_its_answer(inferd: Served) -> None:
    had: list[weakref.ref[Held]] = []

    async def handle(asked: Request) -> Answer:
        held = Held()
        had.append(weakref.ref(held))
        failure = StatusFailure("x", 418)
        try:
            raise KeyError
        except KeyError:
            raise failure from None

    gc.collect()
    gc.disable()  # As above.
    try:
        async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
            head, _ = await here.ask("GET", "/x")
            assert head.startswith("HTTP/1.1 418 ")
            while here.server.connected:
                await asyncio.sleep(0)
            assert [held() for held in had] == [None]
    finally:
        gc.enable()
