"""The SQLite side of the store: rows of bytes, written whole and synced or not at all; for one thread only.

Rules of this file:

1. A change is one transaction, answered after its commit (``synchronous=EXTRA``: file, journal and folder are synced).
2. Rollback journal, never WAL: SQLite before 3.51.3 may lose commits there (sqlite.org/wal.html#walresetbug).
3. A failed commit may have landed all the same. So the connection is thrown away, the row is read again through a new
   one, and what it was before is put back if need be: a change that was answered with an error did not happen. While
   the disk does not allow that, the row stays in doubt, and every further write begins by trying again.
4. The file is never made here: see ``inferd.store.making``. One that is empty or foreign is refused, not filled.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from inferd.errors import EndpointExists, EndpointNotFound, StatusFailure
from inferd.store import schema
from inferd.store.files import sync_folder
from inferd.store.rows import Row, checked
from inferd.vault import StoreUnusable

# How long a write waits for a reader in another process, which a backup is.
BUSY_SECONDS = 5.0


class DatabaseUnusable(StoreUnusable):
    """The database cannot be made or opened."""


class DatabaseDamaged(StoreUnusable):
    """The database is none, is not inferd's, or its check failed."""

    remedy = "put a backup back with inferd restore --force, which keeps the damaged file"


class SchemaNewer(StoreUnusable):
    """The database was written by a later inferd."""

    remedy = "install that one, or put an older backup back with inferd restore --force"


class Database:
    """The open database at ``path``; every method is called in one and the same thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _identity(path)
        self._connection: sqlite3.Connection | None = None
        # The row whose last change failed, and what it was before.
        self._doubt: tuple[str, Row | None] | None = None

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Check and migrate the database; raises DatabaseUnusable, DatabaseDamaged and SchemaNewer."""
        with told(path), contextlib.ExitStack() as failed:
            _make_private(path)
            if path.stat().st_size == 0:
                raise DatabaseDamaged(f"the database {path} is damaged: it is empty")
            database = cls(path)
            failed.callback(database.close)
            connection = database._usable()
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(schema.MIGRATIONS):
                raise SchemaNewer(
                    f"the database {path} was written by a newer inferd: "
                    f"its schema is {version}, this inferd knows up to {len(schema.MIGRATIONS)}"
                )
            problem: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise sqlite3.DatabaseError(" ".join(problem.split()))
            _keep_journal(path)
            schema.migrate(connection, version)
            failed.pop_all()
            return database

    def close(self) -> None:
        """Give the file back; without an effect when it is closed."""
        if self._connection is not None:
            # A close that fails has rolled nothing forward; the next connection replays the journal.
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def key(self) -> tuple[str, bytes]:
        """Id and check value of the key that the secrets are sealed with; raises DatabaseDamaged."""
        with told(self.path):
            keys: list[tuple[str, bytes]] = self._usable().execute("SELECT key_id, proof FROM keys").fetchall()
        if len(keys) != 1 or not isinstance(keys[0][1], bytes):
            raise DatabaseDamaged(f"the database {self.path} is damaged: it names {len(keys)} keys, not one")
        return keys[0]

    def rows(self) -> list[tuple[str, Row]]:
        """Every endpoint, by inference id; raises RowDamaged for one that is not whole."""
        with told(self.path):
            found = self._usable().execute(
                "SELECT inference_id, CAST(document AS BLOB), key_id, sealed FROM endpoints"
                " LEFT JOIN secrets USING (inference_id) UNION ALL"
                " SELECT inference_id, NULL, key_id, sealed FROM secrets"
                " WHERE inference_id NOT IN (SELECT inference_id FROM endpoints)"
            )
            return [(inference_id, checked(inference_id, values)) for inference_id, *values in found]

    def write(self, inference_id: str, row: Row | None, *, new: bool) -> None:
        """Put ``row`` in the place of what is there, None to delete it; durable on return.

        Raises EndpointExists if it is ``new`` and there is one, EndpointNotFound if it is not new and there is none,
        and StatusFailure 503 if the disk did not take it: then nothing has changed.
        """
        try:
            connection = self._usable()
            # No other process writes here (``files.locked``), so nothing comes between this read and the transaction.
            before = _read(connection, inference_id)
            if new and before is not None:
                raise EndpointExists.of(inference_id)
            if not new and before is None:
                raise EndpointNotFound.of(inference_id)
            self._doubt = (inference_id, before)
            _put(connection, inference_id, row)
            self._doubt = None
        except sqlite3.Error as error:
            self._recover()
            raise self._unwritten(inference_id, error) from error

    def probe(self) -> None:
        """Write and sync without changing anything; raises StatusFailure 503 if that fails."""
        try:
            # SQLite writes the header page even if the number in it stays the same.
            self._usable().execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")
        except sqlite3.Error as error:
            self._recover()
            raise StatusFailure(f"The store cannot be written: {error}", 503) from error

    def _usable(self) -> sqlite3.Connection:
        """A connection in no transaction, with no row in doubt; raises sqlite3.Error."""
        if _identity(self.path) != self._file:
            # SQLite would go on writing to the removed file, and what it acknowledged would be lost at the next start.
            raise sqlite3.OperationalError("the database file was removed or replaced while inferd was running")
        if self._connection is None:
            self._connection = connect(self.path, schema.APPLICATION_ID)
        if self._doubt is not None:
            inference_id, before = self._doubt
            if _read(self._connection, inference_id) != before:
                _put(self._connection, inference_id, before)
            self._doubt = None
        return self._connection

    def _recover(self) -> None:
        self.close()
        try:
            self._usable()
        except sqlite3.Error:
            self.close()

    def _unwritten(self, inference_id: str, error: sqlite3.Error) -> StatusFailure:
        outcome = "nothing was changed" if self._doubt is None else "it is undone as soon as the disk allows"
        return StatusFailure(f"Failed to store inference endpoint [{inference_id}]: {error}; {outcome}", 503)


def connect(path: Path, application_id: int) -> sqlite3.Connection:
    """A connection to the file, which must be there and of ``application_id``; raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
    with contextlib.ExitStack() as failed:
        failed.callback(connection.close)
        connection.execute("PRAGMA trusted_schema = OFF")
        if connection.execute("PRAGMA application_id").fetchone()[0] != application_id:
            raise sqlite3.DatabaseError("it is not a database of inferd")
        # Only now: on a database in WAL mode this writes to the file.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cell_size_check = ON")
        # What was deleted is overwritten, so that no old file holds secrets which a later key could open.
        connection.execute("PRAGMA secure_delete = ON")
        failed.pop_all()
    return connection


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say about the database at ``path`` into StoreUnusable."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise DatabaseUnusable(f"the database {path} cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        raise DatabaseDamaged(f"the database {path} is damaged: {error}") from error


def _read(connection: sqlite3.Connection, inference_id: str) -> Row | None:
    found = connection.execute(
        "SELECT CAST(document AS BLOB), key_id, sealed FROM endpoints JOIN secrets USING (inference_id)"
        " WHERE inference_id = ?",
        (inference_id,),
    ).fetchone()
    return None if found is None else Row(*found)


def _put(connection: sqlite3.Connection, inference_id: str, row: Row | None) -> None:
    # Without a rollback: where a statement fails, the connection is not used again.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM endpoints WHERE inference_id = ?", (inference_id,))
    if row is not None:
        connection.execute("INSERT INTO endpoints VALUES (?, ?)", (inference_id, row.document.decode()))
        connection.execute("INSERT INTO secrets VALUES (?, ?, ?)", (inference_id, row.key_id, row.sealed))
    connection.execute("COMMIT")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def journal_of(path: Path) -> Path:
    """Where SQLite keeps what a transaction changes; empty between transactions."""
    return path.with_name(path.name + "-journal")


def _keep_journal(path: Path) -> None:
    # SQLite does not say when it cannot sync the folder. With the journal there beforehand, that does not matter: no
    # power loss can take its name away, and without its journal a transaction that was cut could not be taken back.
    os.close(os.open(journal_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    sync_folder(path.parent)


def _make_private(path: Path) -> None:
    # A copy that was put back may have any mode; the journal that SQLite makes takes over that of the database.
    for file in (path, journal_of(path)):
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_mode & 0o077:
                os.chmod(file, 0o600)
