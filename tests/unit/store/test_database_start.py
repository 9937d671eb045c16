"""A database that is none, damaged, newer or not whole is refused by name and left as it is."""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from inferd.store import schema
from inferd.store.database import Database, DatabaseDamaged, DatabaseUnusable, SchemaNewer
from inferd.store.rows import RowDamaged


def edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def refused(path: Path, error_type: type[Exception]) -> str:
    content = path.read_bytes()
    with pytest.raises(error_type) as caught:
        Database.open(path)
    assert path.read_bytes() == content
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, " * 512)
    assert refused(path, DatabaseDamaged) == f"the database {path} is damaged: file is not a database"
    path.write_bytes(b"")
    assert refused(path, DatabaseDamaged) == f"the database {path} is damaged: it is empty"


def test_a_database_of_another_program_is_refused_and_not_even_taken_out_of_wal(path: Path) -> None:
    path.unlink()
    edit(path, "PRAGMA journal_mode = WAL", "CREATE TABLE theirs (one TEXT)")
    assert refused(path, DatabaseDamaged) == f"the database {path} is damaged: it is not a database of inferd"


def test_a_truncated_database_is_refused_wherever_it_was_cut(path: Path) -> None:
    whole = path.read_bytes()
    for length in (100, 4096, len(whole) // 2, len(whole) - 4096):
        path.write_bytes(whole[:length])
        assert f"the database {path} is damaged: " in refused(path, DatabaseDamaged)


def test_a_page_of_noise_is_refused(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    for page in range(1, len(whole) // 4096):
        noisy = whole.copy()
        noisy[page * 4096 : (page + 1) * 4096] = random.Random(page).randbytes(4096)
        path.write_bytes(noisy)
        assert f"the database {path} is damaged: " in refused(path, DatabaseDamaged)


def test_a_newer_schema_is_refused_by_name_and_version(path: Path) -> None:
    edit(path, "PRAGMA user_version = 7")
    assert refused(path, SchemaNewer) == (
        f"the database {path} was written by a newer inferd: its schema is 7, this inferd knows up to 1"
    )


def test_an_older_schema_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE more (one TEXT)",)))
    opened = Database.open(path)
    try:
        assert opened._usable().execute("SELECT count(*) FROM more").fetchone() == (0,)
        opened.probe()
        assert opened._usable().execute("PRAGMA user_version").fetchone() == (2,)
        assert [name for name, _ in opened.rows()] == ["a"]
    finally:
        opened.close()


def test_what_cannot_be_opened_is_said_so(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="cannot be opened: .*No such file"):
        Database.open(tmp_path / "absent")
    with pytest.raises(DatabaseUnusable, match="cannot be opened: unable to open database file$"):
        Database.open(tmp_path)


@pytest.mark.parametrize(
    ("statements", "text"),
    [
        (["DELETE FROM secrets"], "the row of [a] is damaged: its document or its secrets are missing"),
        (["DELETE FROM endpoints"], "the row of [a] is damaged: its document or its secrets are missing"),
        (["UPDATE secrets SET sealed = 7"], "the row of [a] is damaged: its document or its secrets are missing"),
    ],
)
def test_a_row_that_is_not_whole_is_named(path: Path, statements: list[str], text: str) -> None:
    edit(path, *statements)
    opened = Database.open(path)
    try:
        with pytest.raises(RowDamaged) as caught:
            opened.rows()
        assert str(caught.value) == text
    finally:
        opened.close()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM keys", "INSERT INTO keys VALUES ('b', x'')", "UPDATE keys SET proof = 1"]
)
def test_a_database_has_one_key(path: Path, statement: str) -> None:
    edit(path, statement)
    opened = Database.open(path)
    try:
        with pytest.raises(DatabaseDamaged, match=r"is damaged: it names \d keys, not one$"):
            opened.key()
    finally:
        opened.close()


def test_no_descriptor_is_left_by_a_start_that_failed(path: Path) -> None:
    edit(path, "PRAGMA user_version = 7")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        refused(path, SchemaNewer)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_name_of_the_journal_is_synced_before_anything_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = path.with_name(path.name + "-journal")
    journal.unlink()
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(journal.exists()))
    Database.open(path).close()
    assert synced == [True]
