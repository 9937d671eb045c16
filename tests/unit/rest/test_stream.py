"""A stream to a client, at every moment at which something may befall it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import closing

import msgspec

from inferd.errors import StatusFailure, chat_envelope, envelope
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.rest.routing import Route
from inferd.rest.stream import EventStream, error_event, failure_answer
from tests.served import Served
from tests.unit.rest.serving import Serving, request, serving
from tests.unit.rest.sources import DONE, ERROR, ONE, THREE, TWO, Source, begun, chunk, keep_alive


async def test_a_batch_leaves_at_once_and_in_one_write(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (reader, _):
        assert inferd.parts.open.streams == 1
        await source.batches.put([b"2\n", b"3\n"])
        assert await reader.readexactly(len(chunk(TWO + THREE))) == chunk(TWO + THREE)
        await source.batches.put(None)
        assert await reader.readuntil(b"0\r\n\r\n") == chunk(DONE) + b"0\r\n\r\n"
        await inferd.parts.open.none_left()
        assert inferd.parts.open.streams == 0
    assert here.lines[0]["first_chunk_ms"] >= 0


async def test_to_an_old_client_the_end_of_the_connection_is_the_end(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here:
        reader, writer = await here.connect()
        with closing(writer):
            writer.write(request("GET", "/x").replace(b"HTTP/1.1", b"HTTP/1.0"))
            for batch in ([b"1\n"], [b"2\n"], None):
                await source.batches.put(batch)
            assert (await reader.read()).endswith(b"\r\n\r\n" + ONE + TWO + DONE)


async def test_its_head_says_what_every_head_does(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here:
        inferd.parts.draining = True
        reader, writer = await here.connect()
        with closing(writer):
            writer.write(request("GET", "/x", "X-Opaque-Id: mine"))
            for batch in ([b"1\n"], None):
                await source.batches.put(batch)
            head, _, _ = (await reader.read()).partition(b"\r\n\r\n")
            assert b"\r\nX-Opaque-Id: mine\r\n" in head and b"\r\nConnection: close\r\n" in head


async def test_a_failure_on_the_way_is_the_last_event(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (reader, _):
        await source.batches.put(StatusFailure("no", 502))
        rest = await reader.readuntil(b"0\r\n\r\n")
        assert ERROR in rest and b"[DONE]" not in rest
        await inferd.parts.open.none_left()
    assert (here.lines[-1]["status"], here.lines[-1]["error"]) == (200, "status_exception")


async def test_what_is_nested_too_deeply_to_be_written_is_a_failure_on_the_way(inferd: Served) -> None:
    async def read() -> AsyncIterator[Sequence[object]]:
        nested: list[object] = []
        for _ in range(100_000):
            nested = [nested]
        yield [1]
        yield nested

    async def handle(asked: Request) -> Answer:
        return await EventStream(asked, envelope).send(read(), msgspec.json.Encoder().encode_lines)

    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        _, told = await here.ask("GET", "/x")
    assert ONE in told and told.count(b"event: error") == 1 and b"nested too deeply" in told
    assert (here.lines[0]["status"], here.lines[0]["error"]) == (200, "status_exception")


async def test_a_stream_that_is_cut_says_why_and_ends(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (reader, _):
        inferd.parts.open.cut(StatusFailure("no", 503))
        assert ERROR in await reader.readuntil(b"0\r\n\r\n")
        assert source.left.is_set()


async def test_a_client_that_leaves_ends_the_reading(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (_, writer):
        writer.close()
        async with asyncio.timeout(10):
            await source.left.wait()
            await inferd.parts.open.none_left()
        assert inferd.parts.open.streams == 0
    assert [line["message"] for line in here.lines] == ["request"]


async def test_a_client_that_leaves_before_the_first_batch_leaves_nothing(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here:
        _, writer = await here.connect()
        writer.write(request("GET", "/x"))
        await source.begun.wait()
        writer.close()
        async with asyncio.timeout(10):
            await inferd.parts.open.none_left()
        assert source.left.is_set()


async def test_silence_is_filled_with_comments(inferd: Served, source: Source) -> None:
    keep_alive(inferd, 0.02)
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (reader, _):
        for _ in range(3):
            assert await reader.readuntil(b":\n\n\r\n") == b"3\r\n:\n\n\r\n"
        await source.batches.put(None)
        assert DONE in await reader.readuntil(b"0\r\n\r\n")


async def test_no_comments_if_they_are_off(inferd: Served, source: Source) -> None:
    keep_alive(inferd, 0)
    async with serving(inferd.parts, source.routes()) as here, begun(here, source) as (reader, _):
        await asyncio.sleep(0.1)
        await source.batches.put(None)
        assert await reader.readuntil(b"0\r\n\r\n") == chunk(DONE) + b"0\r\n\r\n"


async def test_a_comment_to_a_client_that_left_is_no_matter(inferd: Served, source: Source) -> None:
    """The client is gone, and nobody has noticed yet: the comment must not end in an unread error."""
    seen: list[EventStream] = []
    keep_alive(inferd, 1e-9)

    async def handle(asked: Request) -> Answer:
        events = EventStream(asked, envelope)
        asked.http.abort()
        events._look_in()
        try:
            await asyncio.Event().wait()
        finally:
            # The connection is lost by now, and with it the transport.
            asked.http.abort()
            events._stop_looking_in()
            seen.append(events)
        raise AssertionError

    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        assert b"[DONE]" not in await _nothing(here)
        await inferd.parts.open.none_left()
    assert len(seen) == 1


async def test_a_client_that_left_unnoticed_ends_the_stream(inferd: Served, source: Source) -> None:
    ended: list[BaseException] = []

    async def handle(asked: Request) -> Answer:
        asked.http.abort()
        try:
            return await source.handle(asked)
        except ConnectionError as problem:
            ended.append(problem)
            raise

    await source.batches.put([b"1\n"])
    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        assert await _nothing(here) == b""
        await inferd.parts.open.none_left()
    assert len(ended) == 1 and source.left.is_set()


async def _nothing(here: Serving) -> bytes:
    try:
        return await here.say(request("GET", "/x"))
    except ConnectionError:
        return b""


async def test_a_stream_is_ended_from_outside_once(inferd: Served) -> None:
    async def handle(asked: Request) -> Answer:
        events = EventStream(asked, envelope)
        await events.end(StatusFailure("no", 502))
        return await events.end(StatusFailure("again", 502))

    async with serving(inferd.parts, [Route("GET", "/x", handle)]) as here:
        _, told = await here.ask("GET", "/x")
    assert told.count(b"event: error") == 1 and b'"no"' in told and told.endswith(b"0\r\n\r\n")


async def test_a_stream_to_a_client_of_http_1_0_ends_with_its_connection(inferd: Served, source: Source) -> None:
    async with serving(inferd.parts, source.routes()) as here:
        for batch in ([b"1\n"], [b"2\n"], None):
            await source.batches.put(batch)
        told = await here.say(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = told.partition(b"\r\n\r\n")
    assert (body, b"keep-alive" in head, b"chunked" in head) == (ONE + TWO + DONE, False, False)


def test_a_failure_before_the_first_event_keeps_its_status_and_headers() -> None:
    failure = StatusFailure("full", 429, headers={"Retry-After": "3"})
    response = failure_answer(failure, chat_envelope)
    assert (response.status, response.headers["Retry-After"]) == (429, "3")
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.body == error_event(failure, chat_envelope)
    assert error_event(failure, chat_envelope) == (
        b'event: error\ndata: {"error":{"code":"too_many_requests","message":"full","type":"status_exception"}}\n\n'
    )
