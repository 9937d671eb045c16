"""Sealing everything again with another key: all of it, or nothing."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from inferd.store import KeyPlaces, StoreUnusable
from inferd.store.making import PURPOSE
from inferd.store.rotation import reseal
from inferd.vault import MasterKey, Vault
from tests.plain_endpoints import api_key, endpoint
from tests.unit.store.opened import disk, opened


def _vault(letter: bytes) -> Vault:
    return Vault(MasterKey(letter * 32, Path(letter.decode())), PURPOSE)


async def _filled(folder: Path) -> Vault:
    store = await opened(folder)
    for name in ("a", "b", "c"):
        await store.create(endpoint(name), api_key(f"sk-{name}"))
    await store.close()
    master = KeyPlaces.of(folder, None, {}).find()
    assert master is not None
    return Vault(master, PURPOSE)


async def test_afterwards_the_new_key_opens_all_and_the_old_one_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    old, new = await _filled(folder), _vault(b"n")
    before = await disk(folder)
    assert reseal(folder / "endpoints.sqlite", old, new) == 3
    with pytest.raises(StoreUnusable, match="is not the one the secrets were sealed with"):
        await disk(folder)
    (folder / "key").write_bytes(b"n" * 32)
    assert await disk(folder) == before


async def test_a_row_that_does_not_open_stops_it_before_anything_is_changed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    old = await _filled(folder)
    path = folder / "endpoints.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE secrets SET sealed = zeroblob(60) WHERE inference_id = 'b'")
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=r"\[b\]"):
        reseal(path, old, _vault(b"n"))
    assert path.read_bytes() == before


async def test_a_failing_disk_leaves_the_old_seals(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    old, new = await _filled(folder), _vault(b"n")
    before = await disk(folder)
    with contextlib.closing(sqlite3.connect(folder / "endpoints.sqlite")) as connection, connection:
        connection.execute("CREATE TRIGGER fail BEFORE DELETE ON keys BEGIN SELECT RAISE(ABORT, 'disk'); END")
    with pytest.raises(StoreUnusable, match="disk"):
        reseal(folder / "endpoints.sqlite", old, new)
    assert await disk(folder) == before
