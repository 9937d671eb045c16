"""Any sequence of changes, restarts, departures and failing disks gives what a dictionary would."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from inferd.errors import EndpointExists, EndpointNotFound, StatusFailure
from inferd.store import KeyPlaces, Store, database
from inferd.store.rows import Row
from tests.plain_endpoints import api_key, endpoint, restore

IDS = st.sampled_from(["a", "b", "c", "ü", "z-9"])
MODELS = st.text(st.characters(codec="utf-8"), max_size=8)


class Sequences(RuleBasedStateMachine):
    """A store beside the dictionary it must equal: id to model and api key."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.model: dict[str, tuple[str, str]] = {}
        self.store = self.runner.run(self.opened())

    async def opened(self) -> Store:
        directory = Path(self.folder.name)
        return await Store.open(directory, KeyPlaces.of(directory, None, {}), restore)

    async def leaving(self, change: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(change)
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError, EndpointExists, EndpointNotFound):
            await task

    def run(self, change: Coroutine[None, None, None], leaves: bool) -> bool:
        """Whether ``change`` was done; a caller that leaves does not learn it."""
        try:
            self.runner.run(self.leaving(change) if leaves else change)
        except (EndpointExists, EndpointNotFound):
            return False
        return True

    @rule(inference_id=IDS, model=MODELS, key=MODELS, leaves=st.booleans())
    def create(self, inference_id: str, model: str, key: str, leaves: bool) -> None:
        done = self.run(self.store.create(endpoint(inference_id, model), api_key(key)), leaves)
        assert leaves or done == (inference_id not in self.model)
        self.model.setdefault(inference_id, (model, key))

    @rule(inference_id=IDS, model=MODELS, key=MODELS, leaves=st.booleans())
    def replace(self, inference_id: str, model: str, key: str, leaves: bool) -> None:
        done = self.run(self.store.replace(endpoint(inference_id, model), api_key(key)), leaves)
        assert leaves or done == (inference_id in self.model)
        if inference_id in self.model:
            self.model[inference_id] = (model, key)

    @rule(inference_id=IDS, leaves=st.booleans())
    def delete(self, inference_id: str, leaves: bool) -> None:
        done = self.run(self.store.delete(inference_id), leaves)
        assert leaves or done == (inference_id in self.model)
        self.model.pop(inference_id, None)

    @rule(inference_id=IDS, landed=st.booleans())
    def failing(self, inference_id: str, landed: bool) -> None:
        put = database._put
        first = iter([True])

        def fail(connection: sqlite3.Connection, name: str, row: Row | None) -> None:
            broken = next(first, False)
            if landed or not broken:
                put(connection, name, row)
            if broken:
                raise sqlite3.OperationalError("disk I/O error")

        change = self.store.delete if inference_id in self.model else self._create_broken
        with mock.patch.object(database, "_put", fail):
            try:
                self.runner.run(change(inference_id))
            except StatusFailure as failure:
                assert failure.status == 503
            else:
                raise AssertionError("a write that failed was acknowledged")

    async def _create_broken(self, inference_id: str) -> None:
        await self.store.create(endpoint(inference_id, "never"), api_key())

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.store.close())
        self.store = self.runner.run(self.opened())

    @invariant()
    def equals_the_model(self) -> None:
        # What callers left behind is done once something later in the same thread is.
        self.runner.run(self._settled())
        assert {
            one.inference_id: (one, dict(self.store.secrets(one.inference_id))) for one in self.store.all()
        } == {name: (endpoint(name, model), {"api_key": key}) for name, (model, key) in self.model.items()}

    async def _settled(self) -> None:
        with suppress(EndpointNotFound):
            await self.store.delete("never there")

    def teardown(self) -> None:
        self.reopen()
        self.equals_the_model()
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, derandomize=True, database=None
)
