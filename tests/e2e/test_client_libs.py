"""Elastic's own clients, as their registries have them, against a running daemon.

Version 8 of the Python client and the JavaScript client are installed beside the checkout's other environments at the
first run; where that cannot be done the tests are skipped, and say why.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.daemon_process import inferd, running

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PATIENCE = 120.0

PYTHON_TOPICS = ["endpoints", "inference", "streams", "errors", "retries", "warning", "together", "keys"]
NODE_TOPICS = ["endpoints", "warning", "streams", "chat", "refused", "keys"]


def options(topic: str) -> dict[str, str]:
    """What the daemon is configured with for a topic."""
    if topic == "retries":
        return {"INFERD_INFERENCE_VALIDATE_ON_PUT": "off"}
    if topic == "keys":
        return {"INFERD_AUTH_MODE": "keys"}
    return {"INFERD_COMPAT_CHAT_ON_STREAM_ROUTE": "true"} if topic == "chat" else {}


async def client_keys(topic: str, state: Path) -> list[str]:
    """What the tour is given besides the topic: the keys of an admin and of a user."""
    made = []
    for role in ("admin", "user") if topic == "keys" else ():
        status, key, _ = await inferd("keys", "create", role, "--role", role, "--store", str(state))
        assert status == 0
        made.append(key.strip())
    return made


@pytest.fixture(scope="session")
def version_8() -> str:
    """A Python that has version 8 of the client."""
    return str(_installed(".venv-elasticsearch-8", _install_version_8) / "bin" / "python")


@pytest.fixture(scope="session")
def node_client() -> tuple[str, str]:
    """Node, and the folder that has the JavaScript client."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("there is no Node: the JavaScript client is not tested")

    def install(folder: Path) -> None:
        package = "@elastic/elasticsearch@9"
        _run([npm, "install", "--no-fund", "--no-audit", "--silent", "--prefix", str(folder), package])

    return node, str(_installed(".venv-elasticsearch-js", install))


@pytest.mark.parametrize("topic", PYTHON_TOPICS)
async def test_the_python_client(tmp_path: Path, topic: str) -> None:
    await _tour(tmp_path, topic, [sys.executable, str(HERE / "elastic_tour.py")])


@pytest.mark.parametrize("topic", PYTHON_TOPICS)
async def test_the_python_client_of_version_8(tmp_path: Path, topic: str, version_8: str) -> None:
    await _tour(tmp_path, topic, [version_8, str(HERE / "elastic_tour.py")])


@pytest.mark.parametrize("topic", NODE_TOPICS)
async def test_the_javascript_client(tmp_path: Path, topic: str, node_client: tuple[str, str]) -> None:
    node, folder = node_client
    await _tour(tmp_path, topic, [node, str(HERE / "elastic_tour.mjs"), folder])


async def _tour(folder: Path, topic: str, command: list[str]) -> None:
    given = await client_keys(topic, folder / "state")
    async with running(folder, "--simulate", environ=options(topic)) as daemon:
        process = await asyncio.create_subprocess_exec(
            *command, daemon.url, topic, *given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        async with asyncio.timeout(PATIENCE):
            told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()
        if topic == "retries":
            lines = daemon.said("request")
            for status in (429, 502, 503):
                for name in (f"e{status}", f"a{status}"):
                    assert [line["status"] for line in lines if line.get("endpoint") == name] == [200] + [status] * 3
        assert not [key for key in given if key in daemon.log_file.read_text()]
        assert await daemon.stopped() == 0


def _installed(name: str, install: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the checkout, filled by ``install`` if it is not there yet; skips where that fails."""
    folder = CHECKOUT / name
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=CHECKOUT, prefix=f"{name}-") as made:
            try:
                install(Path(made))
            except (OSError, subprocess.SubprocessError) as problem:
                pytest.skip(f"{name} cannot be installed: {problem}")
            # Scripts in it name the folder they were made in; only its interpreter and modules are used.
            Path(made).rename(folder)
            Path(made).mkdir()
    return folder


def _install_version_8(folder: Path) -> None:
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "elasticsearch[async]>=8.19,<9"])


def _run(command: list[str]) -> None:
    # Below the suite's own patience with a test that hangs: a registry that does not answer is a reason to skip.
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL, capture_output=True)
