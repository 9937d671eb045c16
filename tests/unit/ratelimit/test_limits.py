"""The limits of all endpoints: one for each id, which a delete and a new PUT do not refresh, and no memory for ever."""

import asyncio

import pytest

from inferd.errors import EndpointNotFound
from inferd.ratelimit import limits
from inferd.ratelimit.limits import RateLimits
from tests.unit.ratelimit.crowd import Crowd, turns
from tests.unit.virtual_time import run


async def test_the_same_id_has_the_same_limit_and_the_rate_last_asked_for() -> None:
    every = RateLimits()
    first = every.of("a", 60)
    assert every.of("a", 600) is first
    assert first.requests_per_minute == 600
    assert every.of("b", 60) is not first
    assert [limit.inference_id for limit in every] == ["a", "b"]


def test_creating_again_gives_no_fresh_allowance() -> None:
    async def scenario() -> None:
        every = RateLimits()
        crowd = Crowd(every.of("a", 60))
        crowd.come(65)
        await turns()
        every.delete("a")
        assert list(every) == []
        outcomes = await crowd.outcomes()
        assert sum(isinstance(outcome, EndpointNotFound) for outcome in outcomes) == 5
        await asyncio.sleep(30)
        again = every.of("a", 120)
        assert repr(again) == "a: 120/min, 0 waiting, 90 free"
        assert again is crowd.limit

    run(scenario())


def test_a_deleted_one_is_forgotten_after_a_minute_without_a_task() -> None:
    async def scenario() -> None:
        every = RateLimits()
        old = [every.of(inference_id, 60) for inference_id in "abc"]
        every.delete("a")
        await asyncio.sleep(limits.MEMORY - 1)
        every.delete("b")
        await asyncio.sleep(2)
        every.delete("c")
        assert every.of("a", 60) is not old[0]
        assert every.of("b", 60) is old[1]
        assert every.of("c", 60) is old[2]
        assert len(asyncio.all_tasks()) == 1

    run(scenario())


def test_one_deleted_again_is_remembered_from_then_on_and_keeps_no_other_in_memory() -> None:
    async def scenario() -> None:
        every = RateLimits()
        old = {inference_id: every.of(inference_id, 60) for inference_id in "ab"}
        every.delete("a")
        every.delete("b")
        every.of("a", 60)
        await asyncio.sleep(limits.MEMORY - 1)
        every.delete("a")
        await asyncio.sleep(2)
        assert every.of("b", 60) is not old["b"]
        assert every.of("a", 60) is old["a"]

    run(scenario())


async def test_no_more_than_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMORY_SIZE", 2)
    every = RateLimits()
    old = {inference_id: every.of(inference_id, 60) for inference_id in "abc"}
    for inference_id in "abc":
        every.delete(inference_id)
    assert every.of("a", 60) is not old["a"]
    assert every.of("b", 60) is old["b"]
    assert every.of("c", 60) is old["c"]


async def test_deleting_or_changing_what_nobody_used_is_nothing() -> None:
    every = RateLimits()
    every.delete("a")
    every.change("a", 60)
    assert every.release("a") is None and list(every) == []


def test_who_waits_to_make_an_endpoint_waits_on_when_another_attempt_fails() -> None:
    async def scenario() -> None:
        every = RateLimits()
        crowd = Crowd(every.of_trial("a", 1))
        crowd.come(2)
        await turns()
        assert every.release("a") is crowd.limit
        assert list(every) == [] and crowd.limit.waiting == 1
        assert await crowd.outcomes() == [None, None]
        every.release("a")
        assert every.of("a", 1) is crowd.limit

    run(scenario())


def test_a_changed_rate_is_in_force_for_those_who_wait() -> None:
    async def scenario() -> None:
        every = RateLimits()
        crowd = Crowd(every.of("a", 1))
        crowd.come(3)
        await turns()
        every.change("a", 60_000)
        assert await crowd.outcomes() == [None] * 3
        assert crowd.times[-1] - crowd.times[0] < 1

    run(scenario())


async def test_a_trial_at_the_rate_in_force_is_a_request_like_any_other() -> None:
    every = RateLimits()
    limit = every.of("a", 60)
    assert every.of_trial("a", 60) is limit
    assert every.of_trial("new", 60) is every.of("new", 60)
    assert every.of_trial("a", 61) is not limit and limit.requests_per_minute == 60


def test_a_reloaded_configuration_holds_for_all_at_once() -> None:
    async def scenario() -> None:
        every = RateLimits(queue_capacity=1)
        crowd = Crowd(every.of("a", 60))
        deleted = every.of("b", 60)
        every.delete("b")
        every.reconfigure(burst=1, queue_capacity=10)
        crowd.come(11)
        await turns()
        assert crowd.limit.waiting == 10
        assert every.of("b", 60) is deleted
        for limit in (deleted, every.of("new", 60)):
            await limit.acquire()
            assert limit.estimate() == pytest.approx(1, abs=0.001)
        assert all(outcome is None for outcome in await crowd.outcomes())

    run(scenario())
