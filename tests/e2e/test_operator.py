"""The commands of whoever runs inferd, against real daemons and the state they leave."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import tarfile
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.e2e.daemon_process import PATIENCE, Daemon, inferd, make_endpoint, refused_start, running


async def _key(state: Path, name: str, role: str) -> str:
    status, key, told = await inferd("keys", "create", name, "--role", role, "--store", str(state))
    assert status == 0, told
    return key.strip()


async def _status(client: ClientSession, daemon: Daemon, key: str, path: str = "/_inference") -> int:
    async with client.get(daemon.url + path, headers={"Authorization": f"ApiKey {key}"}) as answer:
        return answer.status


async def _endpoints(daemon: Daemon, client: ClientSession) -> list[str]:
    async with client.get(f"{daemon.url}/_inference/_all") as answer:
        return [endpoint["inference_id"] for endpoint in (await answer.json())["endpoints"]]


async def test_keys_are_made_listed_and_revoked_while_the_daemon_runs(tmp_path: Path, client: ClientSession) -> None:
    state = tmp_path / "state"
    first = await _key(state, "first", "admin")
    async with running(tmp_path, environ={"INFERD_AUTH_MODE": "keys"}) as daemon:
        assert await _status(client, daemon, first) == 200
        second = await _key(state, "second", "user")
        async with asyncio.timeout(PATIENCE):
            while await _status(client, daemon, second) != 200:
                await asyncio.sleep(0.1)
        _, listed, _ = await inferd("keys", "list", "--store", str(state))
        assert [line.split("\t")[:2] for line in listed.splitlines()] == [["first", "admin"], ["second", "user"]]
        assert (await inferd("keys", "revoke", "second", "--store", str(state)))[0] == 0
        async with asyncio.timeout(PATIENCE):
            while await _status(client, daemon, second) != 401:
                await asyncio.sleep(0.1)
        assert await _status(client, daemon, first) == 200
        assert await daemon.stopped() == 0
    file = state / "client-keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_text() + (tmp_path / "log").read_text()
    assert first not in written and second not in written


async def test_keys_are_the_folder_owners(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 65534, 65534)
    await _key(state, "first", "admin")
    assert (state / "client-keys.json").stat().st_uid == 65534


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "taken", "--role", "user"), "there is a key [taken] already"),
        (("create", "no spaces", "--role", "user"), "[no spaces] cannot be the name of a key"),
        (("revoke", "unknown"), "there is no key [unknown]"),
    ],
)
async def test_what_cannot_be_done_with_keys_is_said(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    await _key(tmp_path / "state", "taken", "admin")
    status, output, error = await inferd("keys", *arguments, "--store", str(tmp_path / "state"))
    assert (status, output, error.count("\n")) == (1, "", 1) and told in error


async def test_inferd_does_not_listen_openly_without_keys(tmp_path: Path, client: ClientSession) -> None:
    told = await refused_start(tmp_path, "--listen", "0.0.0.0:0")
    assert "[server.listen]: 0.0.0.0 can be reached by others and nothing protects it" in told
    key = await _key(tmp_path / "state", "first", "user")
    command = ("-m", "inferd", "serve", "--listen", "0.0.0.0:0")
    async with running(tmp_path, command=command) as daemon:
        assert await _status(client, daemon, key) == 200
        assert await _status(client, daemon, "wrong") == 401
        assert await daemon.stopped() == 0


async def test_no_protection_at_all_must_be_written_out(tmp_path: Path, client: ClientSession) -> None:
    command = ("-m", "inferd", "serve", "--listen", "0.0.0.0:0")
    async with running(tmp_path, command=command, environ={"INFERD_AUTH_MODE": "none"}) as daemon:
        assert await _status(client, daemon, "any") == 200
        assert await daemon.stopped() == 0


async def test_health_is_an_exit_status(daemon: Daemon, tmp_path: Path) -> None:
    assert await inferd("health", "--url", daemon.url) == (0, "ok\n", "")
    assert await inferd("health", environ={"INFERD_URL": daemon.url}) == (0, "ok\n", "")
    await daemon.stopped()
    status, output, told = await inferd("health", "--url", daemon.url)
    assert (status, output) == (1, "") and "refused" in told
    assert (await inferd("health", "--url", "ftp://x"))[0] == 1


async def test_a_backup_of_a_running_daemon_is_restored_elsewhere(tmp_path: Path, client: ClientSession) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    file = tmp_path / "backup.tar"
    await _key(tmp_path / "a/state", "first", "user")
    async with running(tmp_path / "a", "--simulate") as daemon:
        await make_endpoint(client, daemon.url)
        status, told, note = await inferd("backup", str(file), "--store", str(daemon.state))
        assert status == 0 and "1 endpoints" in told and "master key" in note
        await make_endpoint(client, daemon.url, "late")
        assert await daemon.stopped() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        assert archive.getnames() == ["inferd.json", "endpoints.sqlite", "client-keys.json"]
    key = (tmp_path / "a/state/key").read_bytes()
    assert key.strip() not in file.read_bytes() and b"sk-secret" not in file.read_bytes()

    other = tmp_path / "b/state"
    status, told, note = await inferd("restore", str(file), "--store", str(other))
    assert (status, told) == (0, "1 endpoints restored.\n") and "is missing: put it to" in note
    assert "is missing" in await refused_start(tmp_path / "b")
    (other / "key").write_bytes(key)
    (other / "key").chmod(0o600)
    async with running(tmp_path / "b", "--simulate") as daemon:
        assert await _endpoints(daemon, client) == ["chat"]
        assert await daemon.stopped() == 0
    assert (other / "client-keys.json").exists()


async def test_a_restore_replaces_nothing_unasked_and_nothing_that_is_in_use(
    tmp_path: Path, client: ClientSession
) -> None:
    file, state = tmp_path / "backup.tar", tmp_path / "state"
    async with running(tmp_path, "--simulate") as daemon:
        await make_endpoint(client, daemon.url)
        assert (await inferd("backup", str(file), "--store", str(state)))[0] == 0
        await make_endpoint(client, daemon.url, "late")
        status, _, told = await inferd("restore", str(file), "--force", "--store", str(state))
        assert status == 1 and "is in use by another inferd" in told
        assert await daemon.stopped() == 0
    status, _, told = await inferd("restore", str(file), "--store", str(state))
    assert status == 1 and "there is a store in" in told
    status, _, told = await inferd("restore", str(file), "--force", "--store", str(state))
    assert status == 0 and "What was there before is kept in" in told
    assert len(list(state.glob("endpoints.sqlite.*.replaced"))) == 1
    async with running(tmp_path, "--simulate") as daemon:
        assert await _endpoints(daemon, client) == ["chat"]
        assert await daemon.stopped() == 0


async def test_what_is_no_backup_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as archive:
        archive.add(__file__, arcname="../escaped")
    text = tmp_path / "text"
    text.write_text("no archive")
    for file, told in ((evil, "holds something else"), (text, "cannot be restored"), (tmp_path / "no", "No such file")):
        status, _, error = await inferd("restore", str(file), "--store", str(tmp_path / "state"))
        assert (status, error.count("\n")) == (1, 1) and told in error
    assert not (tmp_path / "escaped").exists()
    assert not list((tmp_path / "state").glob("*.sqlite*"))


async def test_the_master_key_is_rotated_while_the_daemon_does_not_run(tmp_path: Path, client: ClientSession) -> None:
    state = tmp_path / "state"
    async with running(tmp_path, "--simulate") as daemon:
        for number in range(5):
            await make_endpoint(client, daemon.url, f"e{number}")
        status, _, told = await inferd("rotate-key", "--store", str(state))
        assert status == 1 and "is in use by another inferd" in told
        assert await daemon.stopped() == 0
    before = (state / "key").read_bytes()
    status, told, _ = await inferd("rotate-key", "--store", str(state))
    assert status == 0 and "all secrets are sealed with it" in told
    after = (state / "key").read_bytes()
    assert before != after and not (state / "key.next").exists()
    async with running(tmp_path, "--simulate") as daemon:
        assert await _endpoints(daemon, client) == [f"e{number}" for number in range(5)]
        assert await daemon.stopped() == 0
    (state / "key").write_bytes(before)
    assert "is not the one the secrets were sealed with" in await refused_start(tmp_path)


async def test_a_rotation_that_was_interrupted_goes_on(tmp_path: Path, client: ClientSession) -> None:
    state = tmp_path / "state"
    async with running(tmp_path, "--simulate") as daemon:
        await make_endpoint(client, daemon.url)
        assert await daemon.stopped() == 0
    before = (state / "key").read_bytes()
    assert (await inferd("rotate-key", "--store", str(state)))[0] == 0
    # As if the power had failed after the database was sealed again and before the file got its name.
    (state / "key").rename(state / "key.next")
    (state / "key").write_bytes(before)
    (state / "key").chmod(0o600)
    assert "is not the one the secrets were sealed with" in await refused_start(tmp_path)
    assert (await inferd("rotate-key", "--store", str(state)))[0] == 0
    async with running(tmp_path, "--simulate") as daemon:
        assert await _endpoints(daemon, client) == ["chat"]
        assert await daemon.stopped() == 0
    with contextlib.closing(sqlite3.connect(state / "endpoints.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM keys").fetchone() == (1,)
