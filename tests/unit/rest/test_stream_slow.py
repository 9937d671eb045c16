"""A stream to a client that reads slowly, or not at all."""

import asyncio
from typing import cast

import pytest

from inferd.errors import StatusFailure, envelope
from inferd.rest import http, stream
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.routing import Route
from inferd.rest.stream import EventStream
from tests.served import Served
from tests.unit.rest.serving import serving, untaken
from tests.unit.rest.sources import DONE, ERROR, TWO, Source, begun, chunk, keep_alive


async def test_a_client_that_does_not_read_is_looked_at_as_seldom_as_any_other(inferd: Served) -> None:
    keep_alive(inferd, 15)
    pauses: list[float] = []

    async def handle(asked: Request) -> Answer:
        events = EventStream(asked, envelope)
        connection = cast(asyncio.Protocol, asked.http.connection)
        connection.pause_writing()
        events._active -= 40
        events._look_in()
        assert events._beat is not None
        pauses.append(events._beat.when() - asyncio.get_running_loop().time())
        events._stop_looking_in()
        connection.resume_writing()
        return await events.end(StatusFailure("no", 502))

    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        _, told = await here.ask("GET", "/x")
    assert pauses == [pytest.approx(5, abs=1)] and b":\n\n" not in told


async def test_a_client_that_takes_nothing_is_gone_after_a_while(
    inferd: Served, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_alive(inferd, 0.02)
    monkeypatch.setattr(http, "STALLED_AFTER", 0.1)
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (_, writer):
        await source.batches.put([b"x" * 30_000_000 + b"\n"])
        async with asyncio.timeout(10):
            await source.left.wait()
            await inferd.parts.open.none_left()
        writer.close()
    assert [line["message"] for line in here.lines] == ["request"]


async def test_a_client_that_does_not_take_the_last_event_is_gone_after_a_while(
    inferd: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "STALLED_AFTER", 0.1)

    async def handle(asked: Request) -> Answer:
        events = EventStream(asked, envelope)
        asked.http.write(b"x" * 30_000_000)
        return await events.end(StatusFailure("no", 502))

    assert await untaken(inferd.parts, handle) == [499]


async def _cut_with_much_unsent(inferd: Served, source: Source) -> None:
    await source.batches.put([b"x" * 30_000_000 + b"\n"])
    while not source.batches.empty():
        await asyncio.sleep(0)
    inferd.parts.open.cut(StatusFailure("no", 503))


async def test_a_client_that_does_not_read_is_not_waited_for_when_it_is_cut(
    inferd: Served, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LAST_WORD", 0.05)
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (_, writer):
        await _cut_with_much_unsent(inferd, source)
        async with asyncio.timeout(10):
            await inferd.parts.open.none_left()
    assert [(line["message"], line["status"]) for line in here.lines] == [("request", 499)]


async def test_a_client_that_reads_slowly_still_gets_its_last_event(
    inferd: Served, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LAST_WORD", 60.0)
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (reader, _):
        await _cut_with_much_unsent(inferd, source)
        rest = b""
        while not rest.endswith(b"\r\n0\r\n\r\n"):
            part = await reader.read(1024 * 1024)
            assert part
            rest += part
        assert ERROR in rest[-400:]
        await inferd.parts.open.none_left()
    assert [(line["message"], line["status"]) for line in here.lines] == [("request", 200)]


async def test_a_client_that_reads_slowly_is_waited_for(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (reader, _):
        await source.batches.put([b"x" * 30_000_000 + b"\n"])
        await source.batches.put([b"2\n"])
        while source.batches.qsize() > 1:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert source.batches.qsize() == 1, "nothing more is asked for"
        await source.batches.put(None)
        rest = b""
        while not rest.endswith(b"\r\n0\r\n\r\n"):
            rest += await reader.read(1024 * 1024)
        assert b"x\n\n\r\n" + chunk(TWO) + chunk(DONE) in rest[-200:]
        await inferd.parts.open.none_left()
