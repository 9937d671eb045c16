"""Archives: what is in them, what is refused, and that nothing is lost on the way."""

import asyncio
import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from inferd import backup, client_keys
from inferd.backup import BackupUnusable, back_up, restore
from inferd.store import KeyPlaces, Store, StoreUnusable
from inferd.store.files import locked
from tests.plain_endpoints import api_key, endpoint
from tests.plain_endpoints import restore as plain


async def _store(folder: Path) -> Store:
    return await Store.open(folder, KeyPlaces.of(folder, None, {}), plain)


async def _filled(folder: Path, *names: str) -> None:
    store = await _store(folder)
    for name in names:
        await store.create(endpoint(name), api_key(f"sk-{name}-secret"))
    await store.close()


async def _names(folder: Path) -> list[str]:
    store = await _store(folder)
    try:
        return [f"{one.inference_id}={store.secrets(one.inference_id)['api_key']}" for one in store.all()]
    finally:
        await store.close()


def _restore(file: Path, folder: Path, *, force: bool = False) -> backup.Restored:
    return restore(file, folder, KeyPlaces.of(folder, None, {}), force=force)


def _tar(file: Path, **members: bytes) -> Path:
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file


async def test_what_was_backed_up_is_restored(tmp_path: Path) -> None:
    await _filled(tmp_path / "a", "x", "y")
    manifest = back_up(tmp_path / "a", tmp_path / "file")
    assert (manifest.format, manifest.endpoints, len(manifest.key_id)) == (1, 2, 16)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    result = _restore(tmp_path / "file", tmp_path / "b")
    assert (result.manifest.endpoints, result.manifest.key_id, result.replaced) == (2, manifest.key_id, None)
    (tmp_path / "b/key").write_bytes((tmp_path / "a/key").read_bytes())
    (tmp_path / "b/key").chmod(0o600)
    assert await _names(tmp_path / "b") == ["x=sk-x-secret", "y=sk-y-secret"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b", "file"]
    assert not [file for file in (tmp_path / "b").iterdir() if file.name.startswith(".")]


async def test_no_key_is_in_an_archive(tmp_path: Path) -> None:
    await _filled(tmp_path / "a", "x")
    key = client_keys.create(tmp_path / "a", "ops", "admin")
    back_up(tmp_path / "a", tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    master = (tmp_path / "a/key").read_bytes().strip()
    assert b"sk-x-secret" not in content and key.encode() not in content and master not in content
    with tarfile.open(tmp_path / "file") as archive:
        assert archive.getnames() == ["inferd.json", "endpoints.sqlite", "client-keys.json"]


async def test_an_open_store_is_backed_up_while_it_is_written(tmp_path: Path) -> None:
    store = await _store(tmp_path / "a")
    writes = [asyncio.create_task(store.create(endpoint(f"e{n}"), api_key())) for n in range(30)]
    manifest = await asyncio.to_thread(back_up, tmp_path / "a", tmp_path / "file")
    await asyncio.gather(*writes)
    await store.close()
    assert 0 <= manifest.endpoints <= 30
    assert _restore(tmp_path / "file", tmp_path / "b").manifest.endpoints == manifest.endpoints


async def test_a_store_that_is_there_is_replaced_by_force_only_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    await _filled(folder, "x")
    back_up(folder, tmp_path / "file")
    await _filled(folder, "late")
    client_keys.create(folder, "late", "user")
    with pytest.raises(BackupUnusable, match="there is a store in"):
        _restore(tmp_path / "file", folder)
    assert await _names(folder) == ["late=sk-late-secret", "x=sk-x-secret"]
    kept = _restore(tmp_path / "file", folder, force=True).replaced
    assert await _names(folder) == ["x=sk-x-secret"] and client_keys.read(folder) == []
    assert kept is not None
    kept.replace(folder / "endpoints.sqlite")
    assert await _names(folder) == ["late=sk-late-secret", "x=sk-x-secret"]


async def test_a_journal_that_a_crash_left_goes_with_its_database(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    await _filled(folder, "x")
    back_up(folder, tmp_path / "file")
    (folder / "endpoints.sqlite-journal").write_bytes(b"half done")
    kept = _restore(tmp_path / "file", folder, force=True).replaced
    assert kept is not None and kept.with_name(f"{kept.name}-journal").read_bytes() == b"half done"
    assert await _names(folder) == ["x=sk-x-secret"]


async def test_a_store_in_use_is_not_restored_into(tmp_path: Path) -> None:
    await _filled(tmp_path / "a", "x")
    back_up(tmp_path / "a", tmp_path / "file")
    with locked(tmp_path / "a"), pytest.raises(StoreUnusable, match="is in use by another inferd"):
        _restore(tmp_path / "file", tmp_path / "a", force=True)


async def test_a_key_that_does_not_open_the_archive_is_refused(tmp_path: Path) -> None:
    await _filled(tmp_path / "a", "x")
    await _filled(tmp_path / "b", "y")
    manifest = back_up(tmp_path / "a", tmp_path / "file")
    with pytest.raises(BackupUnusable, match=f"it wants the key with the id {manifest.key_id}"):
        _restore(tmp_path / "file", tmp_path / "b", force=True)
    assert await _names(tmp_path / "b") == ["y=sk-y-secret"]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"inferd_json": b"{}"}, "it holds no endpoints"),
        ({"key": b"x"}, "it holds something else"),
        ({"endpoints_sqlite": b"nonsense" * 100}, "is damaged"),
        ({"endpoints_sqlite": b""}, "is damaged"),
        ({"endpoints_sqlite": b"x", "client-keys_json": b"x"}, "are damaged"),
        ({}, "it holds no endpoints"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, members: dict[str, bytes], told: str) -> None:
    file = _tar(tmp_path / "file", **members)
    with pytest.raises(StoreUnusable, match=told):
        _restore(file, tmp_path / "b")
    assert [left.name for left in (tmp_path / "b").iterdir()] == ["lock"]


def test_links_and_giants_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tarfile.TarInfo("endpoints.sqlite")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "file", "w") as archive:
        archive.addfile(link)
    with pytest.raises(BackupUnusable, match="it holds something else"):
        _restore(tmp_path / "file", tmp_path / "b")
    monkeypatch.setattr(backup, "MAX_MEMBER", 3)
    with pytest.raises(BackupUnusable, match="it holds too much"):
        _restore(_tar(tmp_path / "file", endpoints_sqlite=b"1234"), tmp_path / "b")


async def test_what_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="there is no store in"):
        back_up(tmp_path, tmp_path / "file")
    await _filled(tmp_path / "a", "x")
    with pytest.raises(BackupUnusable, match="cannot be written: No such file or directory"):
        back_up(tmp_path / "a", tmp_path / "nowhere/file")
    with pytest.raises(BackupUnusable, match="cannot be restored: No such file or directory"):
        _restore(tmp_path / "nothing", tmp_path / "b")
    (tmp_path / "text").write_text("no archive" * 100)
    with pytest.raises(BackupUnusable, match="cannot be restored"):
        _restore(tmp_path / "text", tmp_path / "b")


@pytest.mark.parametrize(("uid", "files"), [(0, 2), (4711, 0)])
async def test_an_administrator_restores_for_the_folders_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, files: int
) -> None:
    await _filled(tmp_path / "a", "x")
    client_keys.create(tmp_path / "a", "ops", "user")
    back_up(tmp_path / "a", tmp_path / "file")
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "chown", lambda _, user, group: given.append((user, group)))
    (tmp_path / "b").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    _restore(tmp_path / "file", tmp_path / "b")
    assert given == [(os.getuid(), os.getgid())] * files
