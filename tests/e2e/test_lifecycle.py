"""Start, readiness, stop and its deadline, as an operator sees them from outside."""

import asyncio
import signal
import time
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession, TCPConnector

from tests.e2e.daemon_process import CHAT, PATIENCE, Daemon, make_endpoint, running

# Slow enough that five hundred are no load for a machine that is busy with other things.
MEDIUM = "gpt-4o+sim-words-10+sim-pace-300"
ENDLESS = "gpt-4o+sim-words-100000+sim-pace-500"


async def _stream(client: ClientSession, url: str, begun: asyncio.Semaphore) -> bytes:
    async with client.post(f"{url}/_inference/chat_completion/chat/_unified", json=CHAT) as answer:
        assert answer.status == 200
        body = await answer.content.readany()
        begun.release()
        return body + await answer.read()


async def _begin_streams(client: ClientSession, url: str, count: int) -> list["asyncio.Task[bytes]"]:
    """So many streams, each of which has begun."""
    begun = asyncio.Semaphore(0)
    streams = [asyncio.create_task(_stream(client, url, begun)) for _ in range(count)]
    async with asyncio.timeout(PATIENCE):
        for _ in streams:
            await begun.acquire()
    return streams


async def test_readiness_and_the_stop_are_told_and_the_status_says_what_is_served(
    daemon: Daemon, client: ClientSession
) -> None:
    assert any("STATUS=serving 0 endpoints at http://127.0.0.1:" in message for message in daemon.manager.heard)
    async with client.get(f"{daemon.url}/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    daemon.signal(signal.SIGTERM)
    assert "STATUS=stopping" in await daemon.manager.hears("STOPPING=1")
    assert await daemon.stopped() == 0
    assert daemon.log[-1]["message"] == "stopped"


async def test_five_hundred_streams_end_whole_after_sigterm(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id=MEDIUM)
    streams = await _begin_streams(client, daemon.url, 500)
    daemon.signal(signal.SIGTERM)
    bodies = await asyncio.gather(*streams)
    assert await daemon.stopped() == 0
    assert {body.count(b"event: message") for body in bodies} == {bodies[0].count(b"event: message")}
    assert all(body.endswith(b"data: [DONE]\n\n") and b"event: error" not in body for body in bodies)


async def test_streams_that_outlast_the_grace_end_with_an_error_event(tmp_path: Path, client: ClientSession) -> None:
    environ = {"INFERD_SERVER_DRAIN_TIMEOUT": "0.5"}
    async with running(tmp_path, "--simulate", environ=environ) as daemon:
        await make_endpoint(client, daemon.url, model_id=ENDLESS)
        streams = await _begin_streams(client, daemon.url, 500)
        daemon.signal(signal.SIGTERM)
        bodies = await asyncio.gather(*streams)
        assert await daemon.stopped() == 0
        for body in bodies:
            last = body.split(b"\n\n")[-2]
            assert last.startswith(b"event: error\n") and b"inferd is shutting down" in last
            assert b"[DONE]" not in body
        assert daemon.said("ended what was not finished in time")[0]["open_requests"] == 500


async def test_a_second_sigterm_ends_it_now(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id=ENDLESS)
    streams = await _begin_streams(client, daemon.url, 3)
    daemon.signal(signal.SIGTERM)
    await daemon.says("stopping")
    daemon.signal(signal.SIGTERM)
    bodies = await asyncio.gather(*streams)
    # The grace is 30 seconds; this ends far before it, or fails by its patience.
    assert await daemon.ended(within=10) == 0
    assert all(b"event: error" in body for body in bodies)


async def test_who_waits_for_a_place_he_cannot_get_in_time_is_told_to_come_again(
    tmp_path: Path, client: ClientSession
) -> None:
    environ = {
        "INFERD_LIMITS_BURST": "1", "INFERD_INFERENCE_VALIDATE_ON_PUT": "off", "INFERD_SERVER_DRAIN_TIMEOUT": "1",
    }  # fmt: skip
    async with running(tmp_path, "--simulate", environ=environ) as daemon:
        await make_endpoint(
            client, daemon.url, "texts", "text_embedding", model_id="m", rate_limit={"requests_per_minute": 1}
        )
        url = f"{daemon.url}/_inference/texts?timeout=60s"

        async def ask() -> tuple[int, str | None]:
            async with client.post(url, json={"input": "a"}) as answer:
                return answer.status, answer.headers.get("Retry-After")

        assert await ask() == (200, None)
        queued = [asyncio.create_task(ask()) for _ in range(6)]
        async with asyncio.timeout(PATIENCE):
            while (await _health(client, daemon.url))["open_requests"] < 7:
                await asyncio.sleep(0.01)
        daemon.signal(signal.SIGTERM)
        assert await asyncio.gather(*queued) == [(503, "1")] * 6
        assert await daemon.stopped() == 0


async def _health(client: ClientSession, url: str) -> dict[str, int]:
    async with client.get(f"{url}/_health") as answer:
        document: dict[str, int] = await answer.json()
        return document


async def test_a_draining_daemon_is_not_ready_closes_each_connection_and_takes_no_new_ones(
    daemon: Daemon, client: ClientSession
) -> None:
    await make_endpoint(client, daemon.url, model_id=MEDIUM)
    async with ClientSession(connector=TCPConnector(limit=1)) as kept:
        async with kept.get(f"{daemon.url}/readyz") as answer:
            assert answer.status == 200
        streams = await _begin_streams(client, daemon.url, 1)
        daemon.signal(signal.SIGTERM)
        await daemon.says("stopping")
        async with kept.get(f"{daemon.url}/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "draining")
            assert answer.headers["Connection"] == "close"
        with pytest.raises(ClientConnectionError):
            await kept.get(f"{daemon.url}/readyz")
    assert (await streams[0]).endswith(b"data: [DONE]\n\n")
    assert await daemon.stopped() == 0


async def test_a_stop_that_comes_before_readiness_is_obeyed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.signal(signal.SIGINT)
        assert await daemon.stopped() == 0


async def test_the_loop_feeds_the_watchdog_and_a_blocked_one_does_not(tmp_path: Path) -> None:
    blocked = (
        "import signal, sys, time; from inferd.cli import main; "
        "signal.signal(signal.SIGUSR1, lambda *_: time.sleep(2.5)); sys.exit(main())"
    )
    command = ("-c", blocked, "serve", "--listen", "127.0.0.1:0")
    async with running(tmp_path, command=command, environ={"WATCHDOG_USEC": "600000"}) as daemon:
        await daemon.manager.hears("WATCHDOG=1")
        daemon.signal(signal.SIGUSR1)
        await asyncio.sleep(0.5)  # The last meal may still be on its way.
        daemon.manager.forget()
        with pytest.raises(TimeoutError):
            await daemon.manager.hears("WATCHDOG=1", within=1.2)
        await daemon.manager.hears("WATCHDOG=1")
        assert await daemon.stopped() == 0


async def test_a_loop_under_full_load_feeds_the_watchdog_in_time(tmp_path: Path, client: ClientSession) -> None:
    environ = {"WATCHDOG_USEC": "3000000", "INFERD_LOG_LEVEL": "warning"}
    async with running(tmp_path, "--simulate", environ=environ) as daemon:
        await make_endpoint(client, daemon.url, model_id="gpt-4o+sim-words-20000")
        streams = await _begin_streams(client, daemon.url, 20)
        began = time.monotonic()
        while time.monotonic() < began + 6:
            await daemon.manager.hears("WATCHDOG=1", within=3)
        for stream in streams:
            stream.cancel()
        assert await daemon.stopped() == 0
