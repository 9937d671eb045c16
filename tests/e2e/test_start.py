"""A daemon that cannot start says why in one line, with exit status 1, and harms nothing."""

import contextlib
import os
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.e2e.daemon_process import inferd, make_endpoint, refused_start, running


async def _with_an_endpoint(folder: Path) -> Path:
    """A state folder with one endpoint in it, and nobody who uses it."""
    async with running(folder, "--simulate") as daemon, ClientSession() as client:
        await make_endpoint(client, daemon.url)
        assert await daemon.stopped() == 0
    return folder / "state"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[server]\nlisten = 9200\n", "[server.listen]: Expected `str`, got `int`"),
        ("[server]\nport = 9200\n", "[server]: Object contains unknown field `port`"),
        ("[serve]\n", "Object contains unknown field `serve`"),
        ("listen", "is not TOML"),
        ('[server]\nlisten = "nowhere"\n', "[server.listen]: [nowhere] is not address:port"),
        ('[server]\nlisten = "127.0.0.1:99999"\n', "[server.listen]: [127.0.0.1:99999] is not address:port"),
        ('[server]\nlisten = "no.such.host.invalid:0"\n', "cannot listen on no.such.host.invalid:0"),
        ('[upstream]\nallow = ["nonsense"]\n', "[upstream.allow]"),
        ('[tls]\ncert = "/nowhere.pem"\nkey = "/nowhere.key"\n', "[tls.cert]: /nowhere.pem cannot be read"),
        ('[store]\nkey_file = "~nobody-9/key"\n', "[store.key_file]: no home folder is known for ~nobody-9/key"),
    ],
)
async def test_a_wrong_configuration_stops_the_start_with_the_options_name(
    tmp_path: Path, content: str, told: str
) -> None:
    file = tmp_path / "inferd.toml"
    file.write_text(content)
    arguments = ("serve", "--config", str(file))
    status, _, stderr = await inferd(*arguments, environ={"INFERD_STORE_DIRECTORY": str(tmp_path / "state")})
    assert (status, stderr.count("\n")) == (1, 1) and told in stderr, stderr


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nothing.toml cannot be read" in await refused_start(tmp_path, "--config", str(tmp_path / "nothing.toml"))


async def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        told = await refused_start(tmp_path, "--listen", address)
    assert told == f"inferd: [server.listen]: cannot listen on {address}: Address already in use"


async def test_a_second_daemon_is_refused_the_store_and_told_who_has_it(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        assert f"is in use by another inferd (process {daemon.process.pid})" in await refused_start(tmp_path)
        assert await daemon.stopped() == 0


def _other_key(state: Path) -> None:
    (state / "key").write_bytes(os.urandom(32))


def _no_key(state: Path) -> None:
    (state / "key").unlink()


def _damaged_key(state: Path) -> None:
    (state / "key").write_text("not a key")


def _damaged_database(state: Path) -> None:
    with (state / "endpoints.sqlite").open("r+b") as file:
        file.write(b"garbage garbage garbage")


def _changed_document(state: Path) -> None:
    with contextlib.closing(sqlite3.connect(state / "endpoints.sqlite")) as connection:
        # As inferd keeps it: the journal's file stays.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("UPDATE endpoints SET document = replace(document, 'gpt-4o', 'gpt-4x')")
        connection.commit()


def _newer_schema(state: Path) -> None:
    with contextlib.closing(sqlite3.connect(state / "endpoints.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("spoil", "told", "remedy"),
    [
        (_other_key, "is not the one the secrets were sealed with", "put a copy of that one there"),
        (_no_key, "is missing: looked for at", "put a copy of it there"),
        (_damaged_key, "does not hold a key", "put a copy of the key there"),
        (_damaged_database, "is damaged", "put a backup back"),
        (_newer_schema, "was written by a newer inferd", "install that one"),
        (_changed_document, "the secrets of [chat] do not open", "put a backup back"),
    ],
)
async def test_what_is_wrong_with_the_state_is_said_and_nothing_of_it_is_changed(
    tmp_path: Path, spoil: Callable[[Path], None], told: str, remedy: str
) -> None:
    state = await _with_an_endpoint(tmp_path)
    spoil(state)
    before = {file.name: file.read_bytes() for file in state.iterdir() if file.name != "lock"}
    said = await refused_start(tmp_path)
    assert told in said and remedy in said.rpartition("; ")[2] and "sk-secret" not in said
    assert {file.name: file.read_bytes() for file in state.iterdir() if file.name != "lock"} == before


@contextlib.contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(mode=0o700)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "inferd-test", str(folder)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("needs to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    with _mounted(tmp_path / "state", "size=1m,mode=700,ro"):
        told = await refused_start(tmp_path)
    assert told == f"inferd: the store folder {tmp_path / 'state'} cannot be used: Read-only file system"


async def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert "cannot be used: Not a directory" in await refused_start(tmp_path)
