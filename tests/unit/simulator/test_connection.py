"""Connections: requests in a row, wrong bytes, clients that leave, and what is counted."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.simulator.http1 import Limits
from inferd.simulator.server import Simulator
from tests.unit.simulator.raw import Reply, ask, chat, connect, events, parse, request, talk, text

LIMITS = Limits(body=100_000, idle=0.2, head_time=0.1, body_time=0.1, linger=0.2)
CHAT = "/v1/chat/completions"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(limits=LIMITS) as simulator:
        yield simulator
        await until(lambda: simulator.open_connections == 0)
        assert simulator.open_streams == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0)


async def test_requests_may_be_sent_ahead(simulator: Simulator) -> None:
    stream = request(CHAT, chat("sim-words-50+sim-pace-0", stream=True))
    last = request("/x", headers={"Connection": "close"})
    data = await talk(simulator, stream + request("/v1/models") + stream + last)
    replies: list[Reply] = []
    while data:
        reply, data = parse(data)
        replies.append(reply)
    assert [reply.status for reply in replies] == [200, 200, 200, 404]
    assert replies[0] == replies[2] and len(text(events(replies[0])).split()) == 50
    assert [reply.headers.get("connection") for reply in replies] == [None, None, None, "close"]
    assert simulator.requests == 4


async def test_the_same_request_gets_the_same_bytes(simulator: Simulator) -> None:
    first = await talk(simulator, request(CHAT, chat(), headers={"Connection": "close"}))
    assert await talk(simulator, request(CHAT, chat(), headers={"Connection": "close"})) == first
    other = await ask(simulator, CHAT, chat(n=2))
    assert other.headers["x-request-id"] != parse(first)[0].headers["x-request-id"]


async def test_head_has_no_body(simulator: Simulator) -> None:
    data = await talk(simulator, request("/healthz", method="HEAD", headers={"Connection": "close"}))
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and b"content-length: 0" not in head and body == b""


async def test_bytes_that_are_no_request_are_answered_and_end_the_connection(simulator: Simulator) -> None:
    reply, rest = parse(await talk(simulator, b"nonsense\r\n\r\n" + b"x" * 10_000))
    assert (reply.status, reply.headers["connection"], rest) == (400, "close", b"")
    assert reply.error["message"] == "The request line is malformed."
    assert simulator.requests == 0


async def test_a_client_that_sends_too_much_still_reads_why(simulator: Simulator) -> None:
    reader, writer = await connect(simulator)
    writer.write(request(CHAT, b"x" * 1_000_000))
    reply, _ = parse(await reader.read())
    writer.close()
    assert reply.status == 413


async def test_a_client_that_says_nothing_is_let_go(simulator: Simulator) -> None:
    assert await talk(simulator, b"") == b""
    assert parse(await talk(simulator, b"GET"))[0].status == 408


async def test_a_client_that_leaves_ends_its_stream_at_once(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    silent = ("sim-stall", "sim-delay-60000")
    for model in ("sim-words-50+sim-pace-60000", "sim-words-1000000", "sim-stall-stream", *silent):
        left = simulator.left_streams
        reader, writer = await connect(simulator)
        writer.write(request(CHAT, chat(model, stream=True)))
        if model not in silent:
            await reader.readuntil(b"data:")
        await until(lambda: simulator.open_streams == 1)
        start = asyncio.get_running_loop().time()
        writer.close()
        await until(lambda: simulator.open_connections == 0)
        assert asyncio.get_running_loop().time() - start < 0.1
        assert (simulator.open_streams, simulator.left_streams) == (0, left + 1)
    assert not caplog.records


async def test_a_client_may_leave_while_a_plain_answer_is_late(simulator: Simulator) -> None:
    for path, body in ((CHAT, chat("sim-delay-60000")), ("/v1/embeddings", {"model": "sim-stall", "input": "a"})):
        _, writer = await connect(simulator)
        writer.write(request(path, body))
        requests = simulator.requests
        await until(lambda: simulator.requests > requests)
        writer.close()
        await until(lambda: simulator.open_connections == 0)
    assert simulator.left_streams == 0


async def test_a_stream_that_was_read_to_its_end_is_not_left(simulator: Simulator) -> None:
    await ask(simulator, CHAT, chat(stream=True))
    await ask(simulator, CHAT, chat("sim-cut", stream=True))
    assert (simulator.open_streams, simulator.left_streams) == (0, 0)


async def test_a_late_answer_keeps_the_connection(simulator: Simulator) -> None:
    late = request(CHAT, chat("sim-delay-10"))
    replies = await talk(simulator, late + request("/healthz", headers={"Connection": "close"}))
    first, rest = parse(replies)
    assert (first.status, parse(rest)[0].status) == (200, 200)


pieces = st.sampled_from([
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n", b"3\r\n", b"{}", b"0\r\n\r\n", b"\xff\0",
])  # fmt: skip


async def throw(data: bytes) -> None:
    async with Simulator(limits=Limits(linger=0.2)) as simulator:
        reader, writer = await connect(simulator)
        writer.write(data)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    while answer:
        reply, answer = parse(answer)
        assert reply.whole and reply.status < 506


@settings(max_examples=100, deadline=None)
@given(st.lists(pieces | st.binary(max_size=30), max_size=12).map(b"".join))
def test_any_bytes_are_answered_or_closed_without_a_trace(data: bytes) -> None:
    asyncio.run(throw(data))
