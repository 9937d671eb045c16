"""Seals every secret again with another key, in one transaction: afterwards the old key opens nothing of the store."""

import contextlib
from pathlib import Path

from inferd.store.database import Database, connect, told
from inferd.store.rows import opened
from inferd.store.schema import APPLICATION_ID
from inferd.vault import Vault


def reseal(path: Path, old: Vault, new: Vault) -> int:
    """How many endpoints of the database at ``path``, sealed with ``old``, are now sealed with ``new``, durably.

    Raises StoreUnusable; then nothing was changed. You must have the store locked.
    """
    database = Database.open(path)
    try:
        rows = database.rows()
    finally:
        database.close()
    sealed = []
    for inference_id, row in rows:
        # Opened and checked as at a start: what is damaged must not be sealed as if it were whole.
        opened(inference_id, row, old)
        plain = old.open(row.sealed, inference_id, row.document)
        sealed.append((new.key_id, new.seal(plain, inference_id, row.document), inference_id))
    with told(path), contextlib.closing(connect(path, APPLICATION_ID)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO keys VALUES (?, ?)", (new.key_id, new.check))
        connection.executemany("UPDATE secrets SET key_id = ?, sealed = ? WHERE inference_id = ?", sealed)
        connection.execute("DELETE FROM keys WHERE key_id = ?", (old.key_id,))
        connection.execute("COMMIT")
    return len(sealed)
