"""The tables of the store, version by version."""

import sqlite3

# "infd": `file endpoints.sqlite` shows it, and a database of another program is told apart by it.
APPLICATION_ID = 0x696E6664

# What brings a database of version N to N + 1; user_version counts what was applied.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        "CREATE TABLE keys (key_id TEXT PRIMARY KEY NOT NULL, proof BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE endpoints (inference_id TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL) WITHOUT ROWID",
        # A table of its own, so that nothing which reads endpoints can print a secret; key_id is there for a rotation.
        "CREATE TABLE secrets (inference_id TEXT PRIMARY KEY NOT NULL REFERENCES endpoints ON DELETE CASCADE,"
        " key_id TEXT NOT NULL REFERENCES keys, sealed BLOB NOT NULL) WITHOUT ROWID",
    ),
)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from ``version`` to the newest in one transaction; raises sqlite3.Error, with nothing changed.

    A migration that changes a document must seal its secrets again: they are bound to each other.
    """
    if version < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
