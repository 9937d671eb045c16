"""events: a stream is read once, to its [DONE], whatever the server does."""

import contextlib
import logging
import threading

import aiohttp
import pytest

from inferd.client.events import events
from inferd.client.failures import ServerRefused, StreamCut
from inferd.client.target import Target
from tests.unit.client.scripted import EVENT_STREAM_HEAD, LONG, ScriptedServer, answer, event

REFUSAL = b'{"error":{"code":"too_many_requests","message":"slow down","type":"t"}}'


async def heard(server: ScriptedServer, timeout: float = LONG) -> list[str]:
    """Everything one stream says."""
    target = Target(server.url, timeout=timeout)
    async with aiohttp.ClientSession() as session:
        async with contextlib.aclosing(events(session, target, "/s", b"{}")) as stream:
            return [data async for data in stream]


async def test_it_gives_the_data_of_each_event_until_done(server: ScriptedServer) -> None:
    server.reply_events(event({"n": 1}), b": keep-alive\n\n", event("Grüße"), event("[DONE]"), event("not heard"))
    assert await heard(server) == ['{"n": 1}', "Grüße"]
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query, asked.body) == ("POST", "/s", {"timeout": "20000ms"}, b"{}")


@pytest.mark.parametrize("ending", [b"", b"event: message\ndata: half an eve"])
async def test_an_end_without_done_is_a_failure_and_one_post(server: ScriptedServer, ending: bytes) -> None:
    server.reply_events(event("one"), ending, done=False)
    with pytest.raises(StreamCut, match="without .DONE.: the answer is incomplete"):
        await heard(server)
    assert len(server.asked) == 1


async def test_a_connection_lost_inside_a_chunk_is_one_post(server: ScriptedServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.reply(head, b"ff\r\n", event("one"))
    with pytest.raises(aiohttp.ClientPayloadError):
        await heard(server)
    assert len(server.asked) == 1


async def test_a_server_that_is_not_there_is_asked_once() -> None:
    with ScriptedServer() as server:
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await heard(server)


async def test_a_server_that_hangs_up_is_asked_once(server: ScriptedServer) -> None:
    server.reply(b"")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await heard(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (429, "text/event-stream", b"event: error\ndata: " + REFUSAL + b"\n\n"),
        (401, "application/json", REFUSAL),
        (200, "application/json", REFUSAL),
        (202, "text/event-stream", b"event: error\ndata: " + REFUSAL + b"\n\n"),
        (307, "application/json", REFUSAL),
    ],
)
async def test_what_is_no_stream_keeps_its_status_and_reason(
    server: ScriptedServer, status: int, content_type: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.reply(*answer(status, body, content_type, f"Location: {server.url}/elsewhere"))
    with pytest.raises(ServerRefused) as failure:
        await heard(server)
    assert (failure.value.status, failure.value.reason) == (status, "slow down")
    assert len(server.asked) == 1
    # The library's own lines about it would reach stderr.
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


@pytest.mark.parametrize(
    ("data", "reason"), [(REFUSAL.decode(), "slow down"), ("{}", "{}"), ("out of words", "out of words")]
)
async def test_an_error_event_ends_it(server: ScriptedServer, data: str, reason: str) -> None:
    server.reply_events(event("one"), event(data, "error"), done=False)
    with pytest.raises(ServerRefused) as failure:
        await heard(server)
    assert (failure.value.status, failure.value.reason) == (None, reason)


async def test_silence_is_a_timeout(server: ScriptedServer) -> None:
    over = threading.Event()
    server.reply_events(event("one"), lambda: over.wait(LONG))
    server.reply(lambda: over.wait(LONG), EVENT_STREAM_HEAD)
    for _ in ("in the middle", "before the first byte"):
        with pytest.raises(TimeoutError):
            await heard(server, timeout=0.1)
    over.set()
