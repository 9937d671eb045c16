"""Memory says what the disk has, at every moment and whoever leaves."""

import asyncio
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from inferd.errors import EndpointExists, EndpointNotFound, StatusFailure
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.store import Store
from tests.plain_endpoints import api_key, endpoint
from tests.unit.store.conftest import Faults
from tests.unit.store.opened import A, disk, memory, opened


# ---- what it is for


async def test_endpoints_are_made_changed_deleted_and_there_after_a_restart(store: Store, folder: Path) -> None:
    await store.create(endpoint("c"), Secrets())
    await store.create(endpoint("b"), api_key("sk-b"))
    await store.replace(endpoint("c", "o1"), api_key("sk-c"))
    await store.delete("a")
    expected = {"b": (endpoint("b"), {"api_key": "sk-b"}), "c": (endpoint("c", "o1"), {"api_key": "sk-c"})}
    assert memory(store) == expected
    await store.close()
    assert await disk(folder) == expected


async def test_what_is_not_there_is_not_found(store: Store) -> None:
    for look in (store.get, store.secrets):
        with pytest.raises(EndpointNotFound, match=r"\[b\]"):
            look("b")
    with pytest.raises(EndpointNotFound):
        await store.replace(endpoint("b"), api_key())
    with pytest.raises(EndpointNotFound):
        await store.delete("b")
    assert "b" not in store


async def test_of_two_that_make_one_id_one_wins(store: Store, folder: Path) -> None:
    first, second = await asyncio.gather(
        store.create(endpoint("b", "first"), api_key()),
        store.create(endpoint("b", "second"), api_key()),
        return_exceptions=True,
    )
    assert first is None
    assert isinstance(second, EndpointExists)
    assert store.get("b") == endpoint("b", "first")


async def test_writes_at_once_are_done_in_their_order(store: Store, folder: Path) -> None:
    await asyncio.gather(
        store.delete("a"), store.create(endpoint("a", "1"), api_key()), store.replace(endpoint("a", "2"), api_key())
    )
    assert store.get("a") == endpoint("a", "2")
    now = memory(store)
    await store.close()
    assert await disk(folder) == now


async def test_a_change_takes_the_place_only_of_what_it_was_made_from(store: Store, folder: Path) -> None:
    old = store.get("a")
    await store.replace(endpoint("a", "1"), api_key(), instead_of=old)
    with pytest.raises(StatusFailure, match=r"\[a\] was changed in the meantime") as raised:
        await store.replace(endpoint("a", "2"), api_key(), instead_of=old)
    assert raised.value.status == 409
    with pytest.raises(EndpointNotFound):
        await store.replace(endpoint("b"), api_key(), instead_of=old)
    assert store.get("a") == endpoint("a", "1")


async def test_a_change_waits_for_those_under_way_before_it_compares(store: Store, folder: Path) -> None:
    old = store.get("a")
    gone, again, late = await asyncio.gather(
        store.delete("a"),
        store.create(endpoint("a"), api_key("sk-new")),
        store.replace(endpoint("a", "2"), api_key(), instead_of=old),
        return_exceptions=True,
    )
    assert (gone, again) == (None, None) and isinstance(late, StatusFailure)
    assert store.secrets("a") == {"api_key": "sk-new"}
    await store.close()
    assert await disk(folder) == {"a": (endpoint("a"), {"api_key": "sk-new"})}


async def test_reads_never_wait_and_see_a_write_only_once_it_is_durable(store: Store, faults: Faults) -> None:
    held = faults.holding["COMMIT"] = threading.Event()
    writing = asyncio.create_task(store.replace(endpoint("a", "new"), api_key()))
    await asyncio.to_thread(faults.reached.wait, 10)
    assert memory(store) == A
    assert not writing.done()
    held.set()
    await writing
    assert store.get("a") == endpoint("a", "new")


async def test_the_list_is_made_once(store: Store) -> None:
    assert store.all() is store.all()


async def test_the_repr_tells_operators_what_it_holds(store: Store, folder: Path) -> None:
    assert repr(store) == f"<Store 1 endpoints in {folder}/endpoints.sqlite>"
    assert "sk-" not in repr(vars(store))


async def test_whoever_wants_to_know_is_told_of_a_change_once_it_is_made(store: Store) -> None:
    told: list[tuple[str, Endpoint | None, bool]] = []
    await store.delete("a")
    store.on_change = lambda inference_id, now: told.append((inference_id, now, inference_id in store))
    await store.create(endpoint("b"), api_key())
    await store.replace(endpoint("b", "o1"), api_key())
    await store.delete("b")
    with pytest.raises(EndpointNotFound):
        await store.delete("b")
    changed = endpoint("b", "o1")
    assert told == [("b", endpoint("b"), True), ("b", changed, True), ("b", None, False)]


# ---- callers that leave


async def test_a_caller_may_leave_at_every_step(folder: Path) -> None:
    for step in range(12):
        store = await opened(folder)
        before = memory(store)
        writing = asyncio.create_task(store.create(endpoint(f"step-{step}"), api_key()))
        for _ in range(step):
            await asyncio.sleep(0)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await store.close()
        assert memory(store) == await disk(folder)
        # Cancelled before its first step it has not begun; from then on it is done whole.
        assert (memory(store) == before) == (step == 0)


@pytest.mark.parametrize("statement", ["SELECT", "BEGIN", "INSERT", "COMMIT"])
@pytest.mark.parametrize("queued", [False, True])
async def test_a_caller_may_leave_in_every_statement_and_in_the_queue(
    store: Store, folder: Path, faults: Faults, statement: str, queued: bool
) -> None:
    held = faults.holding[statement] = threading.Event()
    first = asyncio.create_task(store.create(endpoint("b"), api_key()))
    await asyncio.to_thread(faults.reached.wait, 10)
    second = asyncio.create_task(store.create(endpoint("c"), api_key()))
    await asyncio.sleep(0)
    (second if queued else first).cancel()
    held.set()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(results[1 if queued else 0], asyncio.CancelledError)
    await store.close()
    assert set(memory(store)) == {"a", "b", "c"}
    assert memory(store) == await disk(folder)


async def test_a_write_that_fails_after_its_caller_left_is_silent(store: Store, faults: Faults) -> None:
    noise: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    held = faults.holding["COMMIT"] = threading.Event()
    faults.before["COMMIT"] = sqlite3.OperationalError("disk I/O error")
    writing = asyncio.create_task(store.delete("a"))
    await asyncio.to_thread(faults.reached.wait, 10)
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    held.set()
    await store.close()
    assert memory(store) == A
    assert not noise


# ---- disks that fail


@pytest.mark.parametrize("landed", [False, True])
async def test_a_failed_write_changes_neither_memory_nor_disk(
    store: Store, folder: Path, faults: Faults, landed: bool
) -> None:
    (faults.after if landed else faults.before)["COMMIT"] = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(StatusFailure) as caught:
        await store.replace(endpoint("a", "new"), api_key("sk-new"))
    assert caught.value.status == 503
    assert "sk-" not in repr(caught.value)
    assert memory(store) == A
    await store.create(endpoint("b"), api_key())
    await store.close()
    assert await disk(folder) == memory(store)


# ---- the probe


async def test_the_probe_asks_the_disk_only_if_no_write_has_just_told(store: Store, faults: Faults) -> None:
    faults.broken = sqlite3.OperationalError("broken")
    await store.probe()
    with pytest.raises(StatusFailure):
        await store.delete("a")
    with pytest.raises(StatusFailure, match="The store cannot be written: broken"):
        await store.probe()
    faults.broken = None
    await store.probe()
    faults.broken = sqlite3.OperationalError("broken")
    await store.probe()


async def test_a_refused_change_tells_nothing_about_the_disk(store: Store, faults: Faults) -> None:
    with pytest.raises(EndpointExists):
        await store.create(endpoint("a"), api_key())
    faults.broken = sqlite3.OperationalError("broken")
    await store.probe()


async def test_a_store_that_was_never_written_is_probed(folder: Path, faults: Faults) -> None:
    store = await opened(folder)
    faults.broken = sqlite3.OperationalError("broken")
    with pytest.raises(StatusFailure):
        await store.probe()
    await store.close()


async def test_the_probe_is_bounded_and_many_at_once_are_one(
    folder: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inferd.store.PROBE_LIMIT_SECONDS", 0.01)
    store = await opened(folder)
    held = faults.holding["PRAGMA"] = threading.Event()
    results = await asyncio.gather(store.probe(), store.probe(), return_exceptions=True)
    assert [str(result) for result in results] == ["The store cannot be written: no answer in 0.01 seconds"] * 2
    assert store._probing is not None
    probing = store._probing
    held.set()
    await asyncio.wait([probing])
    await store.probe()
    await store.close()
