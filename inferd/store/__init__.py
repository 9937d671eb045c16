"""Endpoints and their secrets: read from memory, and on disk before a change is answered."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from inferd.errors import EndpointNotFound, Failure, StatusFailure
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.store.database import Database
from inferd.store.files import state_directory
from inferd.store.making import open_state
from inferd.store.rows import Restore, opened, restored, sealed
from inferd.vault import KeyPlaces, StoreUnusable, Vault

__all__ = ["KeyPlaces", "Restore", "Store", "StoreUnusable", "state_directory"]

# A health check comes every few seconds from several sides; the disk is asked as often as one of them would.
PROBE_FRESH_SECONDS = 5.0
PROBE_LIMIT_SECONDS = 2.0


class _Entry(NamedTuple):
    endpoint: Endpoint
    secrets: Secrets


class Store:
    """The endpoints of one daemon.

    Reads never wait. A write goes to disk first, in the one thread that has the database, and into memory in the same
    step of the loop that learns of the commit: a caller that is cancelled changes nothing about that. ``on_change`` is
    called in that step with the id and the endpoint as it is now, None if it is gone. Whoever opens a store must
    ``close`` it.
    """

    def __init__(
        self, database: Database, vault: Vault, thread: ThreadPoolExecutor, resources: contextlib.ExitStack
    ) -> None:
        self._database = database
        self._vault = vault
        self._thread = thread
        self._resources = resources
        self.on_change: Callable[[str, Endpoint | None], object] = _nothing
        self._entries: dict[str, _Entry] = {}
        # The last write under way for each id.
        self._changing: dict[str, asyncio.Future[None]] = {}
        self._sorted: tuple[Endpoint, ...] | None = None
        self._written = -math.inf
        self._probing: asyncio.Future[None] | None = None
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, directory: Path, keys: KeyPlaces, restore: Restore) -> "Store":
        """Open the store in ``directory``, making it at the first start; every row is read and checked.

        Raises StoreUnusable with a line for the operator; nothing on disk is changed then.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        resources = contextlib.ExitStack()
        with contextlib.ExitStack() as failed:
            # Waits, so that the lock is free again when the error arrives.
            failed.callback(thread.shutdown)
            failed.callback(thread.submit, resources.close)
            opening = asyncio.get_running_loop().run_in_executor(thread, _load, directory, keys, resources)
            opening.add_done_callback(asyncio.Future.exception)
            await asyncio.wait([opening])
            database, vault, rows = opening.result()
            store = cls(database, vault, thread, resources)
            store._entries = {
                inference_id: _Entry(restored(inference_id, document, secrets, restore), secrets)
                for inference_id, document, secrets in rows
            }
            failed.pop_all()
        return store

    def __repr__(self) -> str:
        return f"<Store {len(self)} endpoints in {self._database.path}>"

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, inference_id: str) -> bool:
        return inference_id in self._entries

    def get(self, inference_id: str) -> Endpoint:
        """The endpoint; raises EndpointNotFound."""
        try:
            return self._entries[inference_id].endpoint
        except KeyError:
            raise EndpointNotFound.of(inference_id) from None

    def secrets(self, inference_id: str) -> Secrets:
        """The secrets of the endpoint; raises EndpointNotFound."""
        try:
            return self._entries[inference_id].secrets
        except KeyError:
            raise EndpointNotFound.of(inference_id) from None

    def all(self) -> Sequence[Endpoint]:
        """Every endpoint, sorted by inference id."""
        if self._sorted is None:
            self._sorted = tuple(self._entries[inference_id].endpoint for inference_id in sorted(self._entries))
        return self._sorted

    async def create(self, endpoint: Endpoint, secrets: Secrets) -> None:
        """Add an endpoint, durably; raises EndpointExists, and StatusFailure 503 if the disk did not take it."""
        await self._change(endpoint.inference_id, _Entry(endpoint, secrets), new=True)

    async def replace(self, endpoint: Endpoint, secrets: Secrets, *, instead_of: Endpoint | None = None) -> None:
        """Put the endpoint in the place of the one of its id, durably; raises EndpointNotFound, StatusFailure 503.

        StatusFailure 409 if that is not ``instead_of``, as ``get`` once returned it: somebody else was faster.
        """
        inference_id = endpoint.inference_id
        while instead_of is not None and (earlier := self._changing.get(inference_id)) is not None:
            await asyncio.wait([earlier])
        if instead_of is not None and self.get(inference_id) is not instead_of:
            raise StatusFailure(f"Inference endpoint [{inference_id}] was changed in the meantime", 409)
        await self._change(inference_id, _Entry(endpoint, secrets), new=False)

    async def delete(self, inference_id: str) -> None:
        """Take the endpoint and its secrets away, durably; raises EndpointNotFound, StatusFailure 503."""
        await self._change(inference_id, None, new=False)

    async def probe(self) -> None:
        """Return if the store can be written, else raise StatusFailure 503, within 2 seconds.

        The disk is asked by a real write, unless one succeeded in the last 5 seconds and none failed since.
        """
        probing = self._probing
        if probing is None:
            if asyncio.get_running_loop().time() - self._written < PROBE_FRESH_SECONDS:
                return
            probing = self._probing = self._submit(self._database.probe)
            probing.add_done_callback(self._probed)
        await asyncio.wait([probing], timeout=PROBE_LIMIT_SECONDS)
        if not probing.done():
            raise StatusFailure(f"The store cannot be written: no answer in {PROBE_LIMIT_SECONDS:g} seconds", 503)
        probing.result()

    async def close(self) -> None:
        """Finish the writes that are under way, then give files and lock back; later writes get StatusFailure 503."""
        if self._closing is None:
            self._closing = self._submit(self._resources.close)
        await asyncio.wait([self._closing])
        self._thread.shutdown()
        self._closing.result()

    async def _change(self, inference_id: str, entry: _Entry | None, *, new: bool) -> None:
        row = None if entry is None else sealed(entry.endpoint, entry.secrets, self._vault)
        writing = self._submit(partial(self._database.write, inference_id, row, new=new))
        self._changing[inference_id] = writing
        writing.add_done_callback(partial(self._publish, inference_id, entry))
        # ``wait`` leaves the future alone when this caller is cancelled; a bare await would cancel it and, with it,
        # a write that still stands in the queue, or the news of one that does not.
        await asyncio.wait([writing])
        writing.result()

    def _publish(self, inference_id: str, entry: _Entry | None, writing: "asyncio.Future[None]") -> None:
        # Futures of one thread are done in the order of its commits, so memory follows the disk in order.
        if self._changing.get(inference_id) is writing:
            del self._changing[inference_id]
        error = writing.exception()
        if error is not None:
            if not isinstance(error, Failure) or error.status == 503:
                self._written = -math.inf
            return
        self._written = writing.get_loop().time()
        self._sorted = None
        if entry is None:
            del self._entries[inference_id]
        else:
            self._entries[inference_id] = entry
        self.on_change(inference_id, None if entry is None else entry.endpoint)

    def _probed(self, probing: "asyncio.Future[None]") -> None:
        self._probing = None
        self._written = probing.get_loop().time() if probing.exception() is None else -math.inf

    def _submit(self, call: Callable[[], None]) -> "asyncio.Future[None]":
        if self._closing is not None:
            raise StatusFailure("The store is closed", 503)
        return asyncio.get_running_loop().run_in_executor(self._thread, call)


def _nothing(inference_id: str, endpoint: Endpoint | None) -> None:
    return


def _load(
    directory: Path, keys: KeyPlaces, resources: contextlib.ExitStack
) -> tuple[Database, Vault, list[tuple[str, bytes, Secrets]]]:
    database, vault = open_state(directory, keys, resources)
    return database, vault, [(name, row.document, opened(name, row, vault)) for name, row in database.rows()]
