"""What a process has imported, by what Python says of each import: what is not needed yet costs time and memory."""

import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.e2e.daemon_process import CLEAN, make_endpoint, running

TELLING = ("-X", "importtime", "-m", "inferd")

# Libraries that are large or slow to import, and what first wants them is not a start.
LATE = {
    "aiohttp", "aiohttp.client", "aiohttp.web", "aiohttp.web_protocol", "cryptography", "http.server", "icu", "numpy",
    "orjson", "prometheus_client", "yarl",
}  # fmt: skip


def _imported(told: str) -> set[str]:
    lines = [line for line in told.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


async def test_a_daemon_that_has_had_nothing_to_do_has_imported_no_library_for_it(tmp_path: Path) -> None:
    command = (*TELLING, "serve", "--listen", "127.0.0.1:0")
    async with running(tmp_path, command=command) as daemon, ClientSession() as client:
        async with client.get(f"{daemon.url}/_inference") as answer:
            assert await answer.json() == {"endpoints": []}
        at_rest = _imported(daemon.log_file.read_text())
        async with client.get(f"{daemon.url}/metrics") as answer:
            assert "process_resident_memory_bytes" in await answer.text()
        after_a_scrape = _imported(daemon.log_file.read_text())
        async with client.get(f"{daemon.url}/", headers={"Connection": "close"}) as answer:
            assert answer.status == 200
        after_something_uncommon = _imported(daemon.log_file.read_text())
        await daemon.stopped()
    assert "inferd.rest.server" in at_rest and not LATE & at_rest
    # So the names are told by which they are looked for.
    assert "prometheus_client" in after_a_scrape
    assert "aiohttp.web_protocol" in after_something_uncommon and "aiohttp.client" not in after_something_uncommon


async def test_the_client_of_aiohttp_is_imported_where_it_is_asked_for(tmp_path: Path) -> None:
    command = (*TELLING, "serve", "--listen", "127.0.0.1:0", "--simulate")
    environ = {"INFERD_UPSTREAM_CLIENT": "aiohttp"}
    async with running(tmp_path, command=command, environ=environ) as daemon, ClientSession() as client:
        await make_endpoint(client, daemon.url, task="completion")
        async with client.post(f"{daemon.url}/_inference/chat", json={"input": "one"}) as answer:
            assert answer.status == 200 and (await answer.json())["completion"]
        await daemon.stopped()
    assert {"aiohttp.client", "cryptography"} <= _imported(daemon.log_file.read_text())


@pytest.mark.parametrize(
    ("command", "without"),
    [
        (["--version"], {"asyncio", "msgspec", "ssl"}),
        (["--help"], {"asyncio", "msgspec", "ssl"}),
        (["serve", "--help"], {"asyncio", "msgspec", "ssl"}),
        (["health", "--help"], {"asyncio", "msgspec", "inferd.store"}),
        (["chat", "--help"], {"aiohttp.web_protocol", "inferd.rest", "inferd.store"}),
        (["keys", "--help"], {"aiohttp.web_protocol", "inferd.rest", "cryptography"}),
    ],
)
def test_other_commands_import_no_server(command: list[str], without: set[str]) -> None:
    told = subprocess.run([sys.executable, *TELLING, *command], env=CLEAN, check=True, capture_output=True, text=True)
    imported = _imported(told.stderr)
    assert "inferd.cli" in imported and not without & imported
