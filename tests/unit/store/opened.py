"""A store opened as the daemon does, and all that it or a new start would answer."""

from pathlib import Path

from inferd.schema.endpoint import Endpoint
from inferd.store import KeyPlaces, Store
from tests.plain_endpoints import endpoint, restore

# What the fixture ``store`` holds.
A = {"a": (endpoint("a"), {"api_key": "sk-cafe0123456789"})}


async def opened(folder: Path) -> Store:
    return await Store.open(folder, KeyPlaces.of(folder, None, {}), restore)


def memory(store: Store) -> dict[str, tuple[Endpoint, dict[str, str]]]:
    """Everything the store answers."""
    found = store.all()
    assert [one.inference_id for one in found] == sorted(one.inference_id for one in found)
    assert len(store) == len(found)
    assert all(one.inference_id in store and store.get(one.inference_id) is one for one in found)
    return {one.inference_id: (one, dict(store.secrets(one.inference_id))) for one in found}


async def disk(folder: Path) -> dict[str, tuple[Endpoint, dict[str, str]]]:
    """Everything a new start would answer; the store must be closed."""
    store = await opened(folder)
    try:
        return memory(store)
    finally:
        await store.close()
