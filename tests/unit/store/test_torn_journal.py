"""Whatever part of a transaction reached the disk when the power went: the store opens with what was committed."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.plain_endpoints import api_key, endpoint
from tests.unit.store.opened import opened

PAGE = 4096


class Torn:
    """A store's files before a transaction, and in the middle of it: some pages written, the journal synced."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "endpoints.sqlite"
        self.key = (folder / "key").read_bytes()
        self.before = self.path.read_bytes()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            # With room for almost no page in memory, SQLite writes to the file before the commit.
            connection.execute("PRAGMA cache_size = 2")
            connection.execute("BEGIN")
            connection.execute("UPDATE endpoints SET document = replace(document, 'gpt-4o', 'o1-preview-long')")
            connection.execute("DELETE FROM endpoints WHERE inference_id > 'e5'")
            self.during = self.path.read_bytes()
            self.journal = self.path.with_name("endpoints.sqlite-journal").read_bytes()
            connection.execute("ROLLBACK")

    def laid(self, folder: Path, database: bytes, journal: bytes) -> Path:
        """A store folder with these files."""
        folder.mkdir(0o700)
        files = {"key": self.key, "endpoints.sqlite": database, "endpoints.sqlite-journal": journal}
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)
        return folder


@pytest.fixture
async def torn(tmp_path: Path) -> Torn:
    folder = tmp_path / "state"
    store = await opened(folder)
    for number in range(40):
        await store.create(endpoint(f"e{number}", "gpt-4o" * 50), api_key())
    await store.close()
    return Torn(folder)


async def whole(folder: Path) -> bool:
    """Whether the store opens with what was committed, and takes a write."""
    store = await opened(folder)
    found = {one.inference_id: one for one in store.all()}
    await store.delete("e0")
    await store.close()
    return found == {name: endpoint(name, "gpt-4o" * 50) for name in (f"e{number}" for number in range(40))}


async def test_a_journal_torn_before_the_database_was_touched(torn: Torn, tmp_path: Path) -> None:
    for number in range(30):
        dice = random.Random(number)
        journal = torn.journal[: dice.randrange(len(torn.journal))]
        if number % 2:
            journal += dice.randbytes(dice.randrange(PAGE))
        assert await whole(torn.laid(tmp_path / str(number), torn.before, journal))


async def test_a_database_of_which_any_pages_were_written(torn: Torn, tmp_path: Path) -> None:
    assert torn.during != torn.before
    pages = range(0, max(len(torn.before), len(torn.during)), PAGE)
    for number in range(30):
        dice = random.Random(number)
        database = b"".join(dice.choice([torn.before, torn.during])[at : at + PAGE] for at in pages)
        assert await whole(torn.laid(tmp_path / str(number), database, torn.journal))
