"""Rows are written whole and durable or not at all, whatever the disk does."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from inferd.errors import EndpointExists, EndpointNotFound, StatusFailure
from inferd.store import database
from inferd.store.database import Database
from inferd.store.rows import Row
from tests.unit.store.conftest import Faults

OLD, NEW = Row(b'{"v":1}', "", b"old"), Row(b'{"v":2}', "", b"new")


@pytest.fixture
def opened(path: Path, faults: Faults) -> Iterator[Database]:
    """The database, over connections that fail on demand."""
    found = Database.open(path)
    yield found
    found.close()


def row(opened: Database, of: Row) -> Row:
    """``of``, under the key of the database."""
    return of._replace(key_id=opened.key()[0])


def state(opened: Database) -> dict[str, bytes]:
    """What another process sees in the file."""
    with closing(sqlite3.connect(opened.path)) as reader:
        return dict(reader.execute("SELECT inference_id, sealed FROM endpoints JOIN secrets USING (inference_id)"))


def failed(opened: Database, change: Row | None, inference_id: str = "a") -> str:
    """The text of a change that fails with 503."""
    with pytest.raises(StatusFailure) as caught:
        opened.write(inference_id, change, new=inference_id != "a")
    assert caught.value.status == 503
    return caught.value.reason


def error(text: str = "disk I/O error") -> sqlite3.OperationalError:
    return sqlite3.OperationalError(text)


# ---- changes


def test_rows_are_made_replaced_and_deleted(opened: Database) -> None:
    opened.write("b", row(opened, OLD), new=True)
    opened.write("a", row(opened, NEW), new=False)
    assert dict(opened.rows()) == {"a": row(opened, NEW), "b": row(opened, OLD)}
    opened.write("b", None, new=False)
    assert state(opened) == {"a": b"new"}


def test_a_new_row_never_replaces_one_and_what_is_gone_is_not_replaced(opened: Database) -> None:
    with pytest.raises(EndpointExists, match=r"\[a\]"):
        opened.write("a", row(opened, NEW), new=True)
    for change in (row(opened, NEW), None):
        with pytest.raises(EndpointNotFound, match=r"\[b\]"):
            opened.write("b", change, new=False)
    assert state(opened) == {"a": b"old"}


def test_every_connection_is_durable_and_distrustful(opened: Database, faults: Faults) -> None:
    for _ in range(2):
        connection = opened._usable()
        pragmas = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in (
            "journal_mode", "synchronous", "trusted_schema", "foreign_keys", "cell_size_check", "secure_delete",
        )}
        assert pragmas == {
            "journal_mode": "truncate", "synchronous": 3, "trusted_schema": 0,
            "foreign_keys": 1, "cell_size_check": 1, "secure_delete": 1,
        }  # fmt: skip
        opened.close()


def test_the_journal_is_private_and_so_is_a_database_that_was_put_back(path: Path) -> None:
    journal = path.with_name(path.name + "-journal")
    path.chmod(0o644)
    journal.touch(0o644)
    journal.chmod(0o644)
    opened = Database.open(path)
    opened.close()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_what_was_deleted_leaves_no_trace_in_the_file(opened: Database) -> None:
    opened.write("b", row(opened, Row(b"{}", "", b"SEALED-SECRET")), new=True)
    assert b"SEALED-SECRET" in opened.path.read_bytes()
    opened.write("b", None, new=False)
    assert b"SEALED-SECRET" not in opened.path.read_bytes()


# ---- failures


@pytest.mark.parametrize("statement", ["SELECT", "BEGIN", "DELETE", "INSERT", "COMMIT"])
@pytest.mark.parametrize("inference_id", ["a", "b"])
def test_a_statement_that_fails_changes_nothing(
    opened: Database, faults: Faults, statement: str, inference_id: str
) -> None:
    change = row(opened, NEW)
    faults.before[statement] = error("database or disk is full")
    assert failed(opened, change, inference_id) == (
        f"Failed to store inference endpoint [{inference_id}]: database or disk is full; nothing was changed"
    )
    assert state(opened) == {"a": b"old"}
    opened.write(inference_id, change, new=inference_id != "a")
    assert state(opened)[inference_id] == b"new"


@pytest.mark.parametrize(("inference_id", "delete"), [("a", False), ("a", True), ("b", False)])
def test_a_commit_that_landed_but_failed_is_taken_back(
    opened: Database, faults: Faults, inference_id: str, delete: bool
) -> None:
    change = None if delete else row(opened, NEW)
    faults.after["COMMIT"] = error()
    assert failed(opened, change, inference_id).endswith("disk I/O error; nothing was changed")
    assert state(opened) == {"a": b"old"}


def test_a_row_in_doubt_is_settled_before_the_next_change(opened: Database, faults: Faults) -> None:
    change = row(opened, NEW)
    # The commit lands and fails, and no new connection can be made to take it back.
    faults.after["COMMIT"] = error()
    faults.before["PRAGMA"] = error()
    # Result: said so, and the new row is still in the file;
    assert failed(opened, change).endswith("disk I/O error; it is undone as soon as the disk allows")
    assert state(opened) == {"a": b"new"}
    # ... as long as the disk is broken;
    faults.broken = error("broken")
    assert failed(opened, change).endswith("broken; it is undone as soon as the disk allows")
    faults.broken = None
    # ... and before anything else is written, the old one is back.
    opened.write("b", row(opened, OLD), new=True)
    assert state(opened) == {"a": b"old", "b": b"old"}


def test_a_recovery_that_fails_in_its_transaction_is_begun_anew(
    opened: Database, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    recover = opened._recover

    def recover_badly() -> None:
        faults.before["INSERT"] = error()
        recover()

    change = row(opened, NEW)
    faults.after["COMMIT"] = error()
    monkeypatch.setattr(opened, "_recover", recover_badly)
    assert failed(opened, change).endswith("as soon as the disk allows")
    assert state(opened) == {"a": b"new"}
    opened.probe()
    assert state(opened) == {"a": b"old"}


def test_a_reader_in_another_process_is_waited_for_then_said(
    opened: Database, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    opened.close()
    with closing(sqlite3.connect(opened.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM endpoints").fetchall()
        assert failed(opened, None).endswith("database is locked; nothing was changed")
        reader.execute("COMMIT")
    opened.write("a", None, new=False)


def test_a_full_database_is_said_and_is_well_again_when_there_is_room(opened: Database) -> None:
    big = row(opened, Row(b'"' + b"x" * 50_000 + b'"', "", b"s"))
    opened._usable().execute("PRAGMA max_page_count = 6")
    assert "database or disk is full; nothing was changed" in failed(opened, big, "b")
    assert state(opened) == {"a": b"old"}
    opened.write("b", big, new=True)


def test_a_file_that_was_removed_or_replaced_takes_no_writes(opened: Database, path: Path) -> None:
    kept = path.with_name("kept")
    path.rename(kept)
    assert failed(opened, None).endswith("removed or replaced while inferd was running; nothing was changed")
    path.write_bytes(kept.read_bytes())
    with pytest.raises(StatusFailure, match="removed or replaced"):
        opened.probe()
    kept.rename(path)
    opened.probe()


def test_a_close_that_fails_is_a_close(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        def close(self) -> None:
            raise error()

    opened.close()
    monkeypatch.setattr(opened, "_connection", Stuck())
    opened.close()
    opened.close()
    assert opened._connection is None


# ---- the probe


def test_the_probe_writes_and_changes_nothing(opened: Database) -> None:
    with closing(sqlite3.connect(opened.path)) as reader:
        before = reader.execute("PRAGMA data_version").fetchone()
        opened.probe()
        assert reader.execute("PRAGMA data_version").fetchone() != before
        assert reader.execute("PRAGMA user_version").fetchone() == (1,)
    assert state(opened) == {"a": b"old"}


def test_the_probe_says_what_is_wrong_and_recovers(opened: Database, faults: Faults) -> None:
    faults.before["PRAGMA"] = error("attempt to write a readonly database")
    with pytest.raises(StatusFailure) as caught:
        opened.probe()
    assert (caught.value.status, caught.value.reason) == (
        503,
        "The store cannot be written: attempt to write a readonly database",
    )
    opened.probe()
