"""``DELETE _inference``."""

import asyncio
import threading

import pytest

from inferd.store.database import Database
from tests.served import Served


async def test_nothing_of_a_deleted_endpoint_is_left(inferd: Served) -> None:
    await inferd.put("c", "completion")
    assert inferd.parts.standings.get("c") is not None and len(list(inferd.parts.limits)) == 1
    dry = await inferd.ask("DELETE", "/_inference/c?dry_run")
    assert dry.json["acknowledged"] is False and "c" in inferd.parts.store
    assert (await inferd.ask("DELETE", "/_inference/rerank/c")).status == 400
    assert (await inferd.ask("DELETE", "/_inference/c?force=no")).status == 400
    assert (await inferd.ask("DELETE", "/_inference/c?force")).json["acknowledged"] is True
    assert "c" not in inferd.parts.store
    assert inferd.parts.standings.get("c") is None and list(inferd.parts.limits) == []
    assert (await inferd.ask("DELETE", "/_inference/c")).status == 404


async def test_who_waits_for_a_place_is_sent_away_and_who_has_one_finishes(inferd: Served) -> None:
    inferd.skip_trials()
    await inferd.put("c", "completion", "sim-slow", rate_limit={"requests_per_minute": 1})
    running = asyncio.create_task(inferd.ask("POST", "/_inference/c", {"input": "a"}))
    while inferd.simulator.requests == 0:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(inferd.ask("POST", "/_inference/c", {"input": "a"}))
    (limit,) = inferd.parts.limits
    while limit.waiting == 0:
        await asyncio.sleep(0.01)
    assert (await inferd.ask("DELETE", "/_inference/c")).status == 200
    assert (await waiting).status == 404
    assert (await running).status == 200


async def test_a_client_that_leaves_does_not_keep_a_deletion_from_being_whole(
    inferd: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inferd.put("c", "completion")
    may_write, write = threading.Event(), Database.write

    def slowly(*args: object, **kwargs: object) -> None:
        assert may_write.wait(10)
        write(*args, **kwargs)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Database, "write", slowly)
    deleting = asyncio.create_task(inferd.ask("DELETE", "/_inference/c"))
    try:
        while not inferd.parts.open:
            await asyncio.sleep(0.01)
        deleting.cancel()
        await inferd.parts.open.none_left()
        assert "c" in inferd.parts.store
    finally:
        may_write.set()
    while "c" in inferd.parts.store:
        await asyncio.sleep(0.01)
    assert inferd.parts.standings.get("c") is None and list(inferd.parts.limits) == []
