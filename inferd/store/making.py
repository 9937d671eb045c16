"""The folder, the key and the database, brought together: found as they are, or made at the first start."""

import contextlib
import os
from pathlib import Path

from inferd.store import files
from inferd.store.database import Database, DatabaseDamaged, connect, journal_of, told
from inferd.store.schema import migrate
from inferd.vault import KeyMissing, KeyPlaces, Vault

PURPOSE = "endpoint secrets"


def open_state(directory: Path, keys: KeyPlaces, resources: contextlib.ExitStack) -> tuple[Database, Vault]:
    """The database of ``directory`` and the vault that opens its secrets; ``resources`` gives both back, and the lock.

    Raises StoreUnusable; whoever calls closes ``resources`` then, too. The database is made whole under another name
    and then renamed, and after the key: so where there is a database, there was a key.
    """
    files.prepare(directory)
    resources.enter_context(files.locked(directory))
    path = directory / files.DATABASE
    if not path.exists():
        vault = Vault(keys.find() or keys.make(), PURPOSE)
        _make(path, vault)
    database = Database.open(path)
    resources.callback(database.close)
    key_id, check = database.key()
    master = keys.find()
    if master is None:
        raise KeyMissing(f"the key (id {key_id}) of the secrets in {path} is missing: looked for at {keys}")
    vault = Vault(master, PURPOSE)
    vault.verify(key_id, check)
    return database, vault


def _make(path: Path, vault: Vault) -> None:
    journal = journal_of(path)
    part = path.with_name(path.name + ".new")
    part_journal = journal_of(part)
    with told(path):
        # SQLite would drop such a journal, and with it what may be the last trace of the endpoints.
        if journal.exists() and journal.stat().st_size:
            raise DatabaseDamaged(f"the database {path} is gone, but its journal is there: put the database back")
        # What an interrupted first start left holds nothing.
        part.unlink(missing_ok=True)
        part_journal.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            with contextlib.closing(connect(part, 0)) as connection:
                # Nothing of it counts before the rename, so it is synced once and as a whole.
                connection.execute("PRAGMA synchronous = OFF")
                migrate(connection, 0)
                connection.execute("INSERT INTO keys VALUES (?, ?)", (vault.key_id, vault.check))
            os.fsync(descriptor)
        finally:
            # Not earlier: that would end SQLite's locks on the file.
            os.close(descriptor)
        part_journal.unlink(missing_ok=True)
        part.rename(path)
        files.sync_folder(path.parent)
