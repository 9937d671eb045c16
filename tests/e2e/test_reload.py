"""SIGHUP: what it changes, what it cannot, what a bad file does, and that connections live on."""

import asyncio
import signal
from pathlib import Path

from aiohttp import ClientSession

from tests.e2e.daemon_process import CHAT, make_endpoint, running

CONFIG = """
[limits]
burst = {burst}
[log]
level = "{level}"
[server]
sse_keepalive = {keepalive}
"""


async def test_a_reload_is_told_and_changes_what_may_change(tmp_path: Path, client: ClientSession) -> None:
    file = tmp_path / "inferd.toml"
    file.write_text(CONFIG.format(burst=0, level="info", keepalive=15))
    async with running(tmp_path, "--config", str(file), "--simulate") as daemon:
        file.write_text(CONFIG.format(burst=1, level="debug", keepalive=20))
        daemon.signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in await daemon.manager.hears("RELOADING=1")
        assert "STATUS=serving" in await daemon.manager.hears("READY=1")
        assert (await daemon.says("configuration reloaded"))["changed"] == ["limits.burst", "log.level"]
        assert daemon.said("this option changes at the next restart")[0]["option"] == "server.sse_keepalive"
        assert await daemon.stopped() == 0


async def test_a_bad_file_changes_nothing_and_the_next_good_one_does(tmp_path: Path, client: ClientSession) -> None:
    file = tmp_path / "inferd.toml"
    file.write_text(CONFIG.format(burst=0, level="info", keepalive=15))
    async with running(tmp_path, "--config", str(file), "--simulate") as daemon:
        file.write_text(CONFIG.format(burst='"many"', level="debug", keepalive=15))
        daemon.signal(signal.SIGHUP)
        await daemon.manager.hears("READY=1")
        assert "[limits.burst]" in (await daemon.says("configuration has not been changed"))["problem"]
        async with client.get(f"{daemon.url}/livez") as answer:
            assert answer.status == 200
        file.write_text(CONFIG.format(burst=2, level="info", keepalive=15))
        daemon.signal(signal.SIGHUP)
        assert (await daemon.says("configuration reloaded"))["changed"] == ["limits.burst"]
        assert await daemon.stopped() == 0


async def test_streams_outlive_a_storm_of_reloads(tmp_path: Path, client: ClientSession) -> None:
    async with running(tmp_path, "--simulate") as daemon:
        await make_endpoint(client, daemon.url, model_id="gpt-4o+sim-words-30+sim-pace-50")

        async def stream() -> bytes:
            async with client.post(f"{daemon.url}/_inference/chat_completion/chat/_unified", json=CHAT) as answer:
                return await answer.read()

        streams = [asyncio.create_task(stream()) for _ in range(20)]
        while not all(task.done() for task in streams):
            daemon.signal(signal.SIGHUP)
            await asyncio.sleep(0.05)
        assert all(task.result().endswith(b"data: [DONE]\n\n") for task in streams)
        await daemon.manager.hears("RELOADING=1")
        assert await daemon.stopped() == 0
