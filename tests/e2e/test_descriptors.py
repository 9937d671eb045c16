"""Short descriptors: more clients than there are for make nobody fail for good, and do not flood the log."""

import asyncio
import shutil
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.e2e.daemon_process import PATIENCE, running


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
async def test_with_128_descriptors_256_connections_are_survived_and_others_served_afterwards(
    tmp_path: Path, client: ClientSession
) -> None:
    async with running(tmp_path, launcher=("prlimit", "--nofile=128:128")) as daemon:
        streams = await asyncio.gather(
            *(asyncio.open_connection("127.0.0.1", daemon.port) for _ in range(256))
        )
        assert (await daemon.says("as many connections as allowed; others wait"))["limit"] == 32
        for _, writer in streams:
            writer.close()
        async with asyncio.timeout(PATIENCE):
            async with client.get(f"{daemon.url}/livez") as answer:
                assert answer.status == 200
        assert await daemon.stopped() == 0
    assert (tmp_path / "log").stat().st_size < 20_000
