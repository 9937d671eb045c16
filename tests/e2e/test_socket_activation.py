"""Socket activation: no connection is refused and no answer is cut, however often the daemon restarts."""

import asyncio
import shutil
import signal
import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.e2e.daemon_process import PATIENCE, make_endpoint, running
from tests.e2e.restarting import ACTIVATE, ask_all_the_time

RESTARTS = 10


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd is not installed")
async def test_systemd_hands_the_socket_over_and_the_first_connection_is_served(
    tmp_path: Path, client: ClientSession
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    launcher: tuple[str, ...] = ("systemd-socket-activate", f"--listen=127.0.0.1:{port}")
    for name in ("INFERD_STORE_DIRECTORY", "NOTIFY_SOCKET", "PATH", "PYTHONPATH"):
        launcher += ("-E", name)
    async with asyncio.timeout(PATIENCE):
        first = asyncio.create_task(_asked_until_someone_listens(client, f"http://127.0.0.1:{port}/readyz"))
        # The daemon is started by that very connection.
        async with running(tmp_path, launcher=launcher) as daemon:
            assert await first == "ok"
            assert daemon.port == port
            assert await daemon.stopped() == 0


async def _asked_until_someone_listens(client: ClientSession, url: str) -> str:
    while True:
        try:
            async with client.get(url) as answer:
                return await answer.text()
        except OSError:
            await asyncio.sleep(0.05)


async def test_restarts_under_load_refuse_no_connection_and_cut_no_answer(
    tmp_path: Path, client: ClientSession
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        command = ("-c", ACTIVATE, str(listening.fileno()))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        done = asyncio.Event()
        asked = asyncio.create_task(ask_all_the_time(url, done))
        for number in range(RESTARTS):
            async with running(
                tmp_path, "--simulate", command=command, pass_fds=(listening.fileno(),)
            ) as daemon:
                assert daemon.url == url
                if number == 0:
                    await make_endpoint(client, url, model_id="gpt-4o+sim-words-10+sim-pace-10")
                await asyncio.sleep(0.3)
                daemon.signal(signal.SIGTERM)
                assert await daemon.stopped() == 0
        done.set()
        async with running(tmp_path, "--simulate", command=command, pass_fds=(listening.fileno(),)) as daemon:
            statuses = await asked
            assert await daemon.stopped() == 0
    assert set(statuses) <= {200, 404} and statuses.count(200) > RESTARTS * 10
