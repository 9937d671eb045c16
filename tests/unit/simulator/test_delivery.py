"""Answers on their way over a real connection: whole, paced, interrupted, left."""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from inferd.simulator.answers import Answer, Ending, Manner
from inferd.simulator.delivery import WRITE_SIZE, ClientLeft, Interrupted, send, while_there
from inferd.simulator.http1 import Incoming

HEAD = b"HEAD"
EVENTS = [b"data: %d\n\n" % number for number in range(6)]


async def delivered(answer: Answer, pace: float = 0.0) -> tuple[bytes, type[BaseException] | None]:
    """What a client reads of ``answer`` and what ``send`` raised; a reset gives what came before as nothing."""
    raised: list[type[BaseException] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with while_there(Incoming(reader)):
                await send(answer, HEAD, writer, pace)
            raised.append(None)
        except (Interrupted, ClientLeft) as problem:
            raised.append(type(problem))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            if answer.manner.ending is Ending.STALL:
                expected = 0 if answer.manner.stop_at == 0 else 1
                data = await reader.read(WRITE_SIZE) if expected else b""
                await asyncio.sleep(0.02)
                assert not raised
            else:
                data = await reader.read()
        finally:
            writer.close()
        while not raised:
            await asyncio.sleep(0)
    return data, raised[0]


def chunked(*blocks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in blocks)


async def test_a_body_goes_out_whole() -> None:
    assert await delivered(Answer(body=b"body")) == (b"HEADbody", None)


async def test_a_stream_at_full_speed_is_joined() -> None:
    assert await delivered(Answer(events=iter(EVENTS))) == (HEAD + chunked(b"".join(EVENTS), b""), None)


async def test_a_joined_stream_has_bounded_writes() -> None:
    events = [b"x" * 1000] * 200
    data, _ = await delivered(Answer(events=events))
    full = b"x" * 66_000
    assert data == HEAD + chunked(full, full, full, b"x" * 2000, b"")


async def test_a_stream_of_full_writes_only() -> None:
    assert (await delivered(Answer(events=[b"x" * WRITE_SIZE])))[0] == HEAD + chunked(b"x" * WRITE_SIZE, b"")


@pytest.mark.parametrize(("manner", "pace"), [(Manner(), 0.001), (Manner(pace=0.001), 0.0)])
async def test_a_paced_stream_is_one_chunk_an_event(manner: Manner, pace: float) -> None:
    start = asyncio.get_running_loop().time()
    assert await delivered(Answer(events=EVENTS, manner=manner), pace) == (HEAD + chunked(*EVENTS, b""), None)
    assert asyncio.get_running_loop().time() - start >= 0.006


async def test_a_stream_may_be_cut_into_pieces() -> None:
    data, _ = await delivered(Answer(events=[b"abcde", b"fgh"], manner=Manner(piece=3)))
    assert data == HEAD + chunked(b"abc", b"def", b"gh", b"")


async def test_a_delay_comes_before_anything() -> None:
    start = asyncio.get_running_loop().time()
    assert await delivered(Answer(body=b"x", manner=Manner(delay=0.02))) == (b"HEADx", None)
    assert asyncio.get_running_loop().time() - start >= 0.02


PARTIAL = HEAD + chunked(b"".join(EVENTS[:2])) + b"100\r\ndata: {"


@pytest.mark.parametrize(
    ("answer", "stop_at", "expected"),
    [
        (Answer(body=b"body"), 0, b""),
        (Answer(body=b"body"), 2, b"HEADbo"),
        (Answer(events=EVENTS), 0, b""),
        (Answer(events=EVENTS), 2, PARTIAL),
    ],
)
async def test_an_answer_may_break_off(answer: Answer, stop_at: int, expected: bytes) -> None:
    closed = Answer(body=answer.body, events=answer.events, manner=Manner(stop_at=stop_at))
    assert await delivered(closed) == (expected, Interrupted)
    stalled = Answer(body=answer.body, events=answer.events, manner=Manner(stop_at=stop_at, ending=Ending.STALL))
    data, raised = await delivered(stalled)
    assert expected.startswith(data) and raised is ClientLeft
    reset = Answer(body=answer.body, events=answer.events, manner=Manner(stop_at=stop_at, ending=Ending.RESET))
    with pytest.raises(ConnectionResetError):
        await delivered(reset)


async def test_a_client_that_does_not_read_holds_the_stream_up() -> None:
    made = 0

    def endless() -> Iterator[bytes]:
        nonlocal made
        for made in count():
            yield b"x" * 1000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)
        try:
            async with while_there(Incoming(reader)):
                await send(Answer(events=endless()), HEAD, writer, 0)
        except (ClientLeft, ConnectionError):
            left.set()
        writer.transport.abort()

    left = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        before = -1
        while made != before:
            before = made
            await asyncio.sleep(0.05)
        assert 0 < made < 50_000
        writer.close()
        async with asyncio.timeout(1):
            await left.wait()


async def test_leaving_is_noticed_at_once_and_staying_costs_nothing() -> None:
    reader = asyncio.StreamReader()
    async with while_there(Incoming(reader)):
        await asyncio.sleep(0)
    reader.feed_eof()
    with pytest.raises(ClientLeft):
        async with while_there(Incoming(reader)):
            await asyncio.Event().wait()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_inside_is_not_taken_for_leaving() -> None:
    with pytest.raises(ZeroDivisionError):
        async with while_there(Incoming(asyncio.StreamReader())):
            raise ZeroDivisionError
    with pytest.raises(asyncio.CancelledError):
        async with while_there(Incoming(asyncio.StreamReader())):
            raise asyncio.CancelledError
