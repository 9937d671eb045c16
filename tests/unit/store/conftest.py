"""A SQLite that fails where a test says, a store folder and an open store."""

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from inferd.store import KeyPlaces, Store
from inferd.store.making import open_state
from inferd.store.rows import Row
from tests.plain_endpoints import api_key, endpoint
from tests.unit.store.opened import opened


class Faults:
    """What happens to statements, by their first word; one fault is used up by one statement unless it is kept.

    ``before`` fails in place of the statement and ``after`` once it was done, as a sync that fails behind the commit.
    """

    def __init__(self) -> None:
        self.before: dict[str, sqlite3.Error] = {}
        self.after: dict[str, sqlite3.Error] = {}
        self.broken: sqlite3.Error | None = None
        self.holding: dict[str, threading.Event] = {}
        self.reached = threading.Event()

    def execute(self, run: Callable[..., sqlite3.Cursor], statement: str, *parameters: Any) -> sqlite3.Cursor:
        """Do ``statement`` with ``run``, or fail."""
        word = statement.split()[0]
        if word in self.holding:
            self.reached.set()
            self.holding.pop(word).wait(10)
        if self.broken is not None:
            raise self.broken
        if word in self.before:
            raise self.before.pop(word)
        cursor = run(statement, *parameters)
        if word in self.after:
            raise self.after.pop(word)
        return cursor


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """The faults of every connection that this test makes through ``sqlite3.connect``."""
    told = Faults()

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            return told.execute(super().execute, sql, parameters)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
    yield told
    for held in told.holding.values():
        held.set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "state"


@pytest.fixture
async def store(folder: Path, faults: Faults) -> AsyncIterator[Store]:
    """An open store with the endpoint ``a``; statements fail on demand."""
    store = await opened(folder)
    await store.create(endpoint("a"), api_key())
    yield store
    await store.close()


@pytest.fixture
def path(folder: Path) -> Path:
    """A database with one row, ``a``."""
    with ExitStack() as resources:
        made, vault = open_state(folder, KeyPlaces.of(folder, None, {}), resources)
        made.write("a", Row(b'{"v":1}', vault.key_id, b"old"), new=True)
    return made.path
