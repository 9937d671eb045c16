"""kill -9 at any moment: whatever was acknowledged is there after the restart."""

import asyncio
import signal
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession

from tests.e2e.daemon_process import running

PUTS = 200


@pytest.mark.parametrize("acknowledged_first", [1, 40, 120])
async def test_every_acknowledged_put_outlives_a_kill_during_two_hundred(
    tmp_path: Path, client: ClientSession, acknowledged_first: int
) -> None:
    environ = {"INFERD_INFERENCE_VALIDATE_ON_PUT": "off"}
    acknowledged: set[str] = set()
    enough = asyncio.Event()
    async with running(tmp_path, environ=environ) as daemon:

        async def put(name: str) -> None:
            body = {"service": "openai", "service_settings": {"api_key": f"sk-{name}", "model_id": name}}
            try:
                async with client.put(f"{daemon.url}/_inference/completion/{name}", json=body) as answer:
                    if answer.status == 200:
                        acknowledged.add(name)
            except ClientConnectionError:
                return
            if len(acknowledged) >= acknowledged_first:
                enough.set()

        puts = [asyncio.create_task(put(f"endpoint-{number}")) for number in range(PUTS)]
        await enough.wait()
        daemon.signal(signal.SIGKILL)
        await asyncio.gather(*puts)
        assert await daemon.ended() == -signal.SIGKILL
    async with running(tmp_path, environ=environ) as daemon:
        async with client.get(f"{daemon.url}/_inference/_all") as answer:
            endpoints = (await answer.json())["endpoints"]
        found = {endpoint["inference_id"]: endpoint["service_settings"]["model_id"] for endpoint in endpoints}
        assert acknowledged <= found.keys() and len(acknowledged) >= acknowledged_first
        # What was stored though nobody heard of it is whole, too.
        assert all(name == model for name, model in found.items())
        assert await daemon.stopped() == 0
