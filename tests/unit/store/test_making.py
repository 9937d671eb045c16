"""The first start makes folder, key and database; a later one finds them or says what is wrong."""

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from inferd.store import making
from inferd.store.database import DatabaseDamaged, DatabaseUnusable
from inferd.store.files import StoreLocked
from inferd.vault import KeyMissing, KeyPlaces, KeyWrong


def places(folder: Path) -> KeyPlaces:
    return KeyPlaces.of(folder, None, {})


def opened(folder: Path) -> str:
    """Open and close the state in ``folder``; the id of its key."""
    with ExitStack() as resources:
        database, vault = making.open_state(folder, places(folder), resources)
        assert database.key() == (vault.key_id, vault.check)
        return vault.key_id


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def test_the_first_start_makes_private_files_and_the_second_finds_them(folder: Path) -> None:
    before = os.umask(0)
    try:
        first = opened(folder)
    finally:
        os.umask(before)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "endpoints.sqlite": 0o600,
        "endpoints.sqlite-journal": 0o600,
        "key": 0o600,
        "lock": 0o600,
    }
    content = files(folder)
    assert opened(folder) == first
    assert files(folder) == content


def test_two_daemons_cannot_have_one_store(folder: Path) -> None:
    with ExitStack() as resources:
        making.open_state(folder, places(folder), resources)
        with pytest.raises(StoreLocked):
            opened(folder)
    opened(folder)


def test_a_key_that_is_there_is_used_for_a_new_database(folder: Path) -> None:
    first = opened(folder)
    (folder / "endpoints.sqlite").unlink()
    assert opened(folder) == first


def test_a_lost_key_is_said_and_none_is_made(folder: Path) -> None:
    key_id = opened(folder)
    (folder / "key").unlink()
    content = files(folder)
    with pytest.raises(KeyMissing) as caught:
        opened(folder)
    assert str(caught.value) == (
        f"the key (id {key_id}) of the secrets in {folder}/endpoints.sqlite is missing: looked for at {folder}/key"
    )
    assert files(folder) == content


def test_a_wrong_key_is_said_and_nothing_is_changed(folder: Path) -> None:
    opened(folder)
    (folder / "key").write_bytes(bytes(32))
    content = files(folder)
    with pytest.raises(KeyWrong):
        opened(folder)
    assert files(folder) == content


def test_what_an_interrupted_first_start_left_is_no_hindrance(folder: Path) -> None:
    folder.mkdir(0o700)
    for name in ("endpoints.sqlite.new", "endpoints.sqlite.new-journal"):
        (folder / name).write_bytes(b"half")
    opened(folder)
    assert set(files(folder)) == {"endpoints.sqlite", "endpoints.sqlite-journal", "key"}


def test_a_journal_without_its_database_is_kept(folder: Path) -> None:
    opened(folder)
    journal = folder / "endpoints.sqlite-journal"
    (folder / "endpoints.sqlite").unlink()
    assert journal.read_bytes() == b""
    opened(folder)
    (folder / "endpoints.sqlite").unlink()
    journal.write_bytes(b"the last trace")
    with pytest.raises(DatabaseDamaged, match="is gone, but its journal is there: put the database back$"):
        opened(folder)
    assert journal.read_bytes() == b"the last trace"
    assert not (folder / "endpoints.sqlite").exists()


def test_a_database_that_cannot_be_made_leaves_the_next_start_free(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(DatabaseUnusable, match=r"No space left on device$"):
            opened(folder)
    assert "endpoints.sqlite" not in files(folder)
    opened(folder)


def test_a_new_database_is_synced_before_it_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    opened(folder)
    made = synced.index("endpoints.sqlite.new")
    assert folder.name in synced[made + 1 :]
