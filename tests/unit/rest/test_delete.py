"""``DELETE _inference``."""

import asyncio

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
