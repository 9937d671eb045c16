"""Tables are made and migrated whole or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from inferd.store import schema


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def version(connection: sqlite3.Connection) -> object:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def test_an_empty_database_gets_every_table_and_the_mark_of_inferd(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, 0)
    assert tables(connection) == {"keys", "endpoints", "secrets"}
    assert version(connection) == len(schema.MIGRATIONS)
    assert connection.execute("PRAGMA application_id").fetchone()[0].to_bytes(4, "big") == b"infd"


def test_only_what_is_missing_is_applied(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.migrate(connection, 0)
    schema.migrate(connection, 1)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE more (one TEXT)",)))
    schema.migrate(connection, 1)
    assert "more" in tables(connection)
    assert version(connection) == 2


def test_a_migration_that_fails_leaves_nothing(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.migrate(connection, 0)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE more (one TEXT)", "BROKEN")))
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, 1)
    connection.execute("ROLLBACK")
    assert "more" not in tables(connection)
    assert version(connection) == 1
