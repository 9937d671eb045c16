"""The limit of one endpoint: everyone in turn, a bounded queue, and what changes and deletions do to who waits."""

import asyncio

import pytest

from inferd.errors import EndpointNotFound
from inferd.ratelimit.limit import QueueFull, RateLimit
from tests.unit.ratelimit.crowd import Crowd, now, rising, turns
from tests.unit.virtual_time import run, virtual_loop


def test_five_thousand_are_served_in_the_order_they_came() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 600, queue_capacity=0))
        crowd.come(5_600)
        await turns()
        assert crowd.limit.waiting == 5_000
        await crowd.outcomes()
        assert crowd.served == list(range(5_600))
        assert crowd.limit.waiting == 0

    run(scenario())


def test_a_newcomer_never_overtakes_even_when_a_place_is_free_at_that_instant() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=1))
        crowd.come(2)
        await turns()
        asyncio.get_running_loop().call_at(now() + 1 - 1e-7, crowd.come, 1)
        await asyncio.sleep(1)
        for _ in range(20):
            crowd.come()
            await asyncio.sleep(0)
        await crowd.outcomes()
        assert rising(crowd.served)

    run(scenario())


def test_a_full_queue_refuses_in_elasticsearch_s_words() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("openai-chat", 1, queue_capacity=2))
        crowd.come(3)
        await turns()
        with pytest.raises(QueueFull) as caught:
            await crowd.limit.acquire()
        assert caught.value.status == 429
        assert caught.value.reason == (
            "Failed to execute task for inference id [openai-chat] "
            "because the request service [openai-chat] queue is full"
        )
        assert caught.value.headers == {"Retry-After": "60"}
        await asyncio.sleep(60.001)
        crowd.come()
        await turns()
        assert crowd.limit.waiting == 2, "whoever comes back when told finds a place"
        await crowd.outcomes()
        assert crowd.served == [0, 1, 2, 3]

    run(scenario())


async def refused_for(limit: RateLimit) -> int:
    with pytest.raises(QueueFull) as caught:
        await limit.acquire()
    return int(caught.value.headers["Retry-After"])


def test_each_one_turned_away_is_told_of_a_place_of_its_own() -> None:
    async def scenario() -> None:
        few = Crowd(RateLimit("a", 60, burst=1, queue_capacity=3))
        few.come(4)
        await asyncio.sleep(0.5)
        assert [await refused_for(few.limit) for _ in range(5)] == [1, 2, 3, 3, 3], "0.5, 1.5, 2.5 s, and no later"
        many = Crowd(RateLimit("b", 60, burst=1, queue_capacity=300))
        many.come(301)
        await turns()
        assert [await refused_for(many.limit) for _ in range(5)] == [1, 2, 3, 4, 5]
        many.limit.change(600)
        assert [await refused_for(many.limit) for _ in range(11)] == [1] * 10 + [2], "old promises are kept sooner now"

    run(scenario())


def test_no_promise_reaches_further_than_a_minute() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 1, queue_capacity=5))
        crowd.come(6)
        await asyncio.sleep(29.5)
        assert [await refused_for(crowd.limit) for _ in range(3)] == [31, 60, 60]
        await crowd.outcomes()

    run(scenario())


def test_retry_after_knows_when_the_queue_is_longer_than_it_may_be() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=1))
        crowd.come(11)
        await turns()
        crowd.limit.change(queue_capacity=4)
        assert await refused_for(crowd.limit) == 7, "seven must go before one may come"
        await crowd.outcomes()
        assert rising(crowd.served)
        assert len(crowd.served) == 11

    run(scenario())


def test_no_capacity_means_no_bound() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 1, queue_capacity=0))
        crowd.come(3_001)
        await turns()
        assert crowd.limit.waiting == 3_000
        for task in crowd.tasks:
            task.cancel()
        await crowd.outcomes()
        assert crowd.limit.waiting == 0

    run(scenario())


def test_the_estimate_comes_true() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=10))
        assert crowd.limit.estimate() == 0
        crowd.come(15)
        await turns()
        estimate, start = crowd.limit.estimate(), now()
        assert estimate == pytest.approx(6, abs=0.001)
        await crowd.limit.acquire()
        assert now() - start == pytest.approx(estimate, abs=0.001)

    run(scenario())


def test_it_tells_operators_how_it_stands() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("openai-chat", 60))
        crowd.come(57)
        await turns()
        assert repr(crowd.limit) == "openai-chat: 60/min, 0 waiting, 3 free"
        crowd.come(15)
        await turns()
        assert repr(crowd.limit) == "openai-chat: 60/min, 12 waiting, 0 free"

    run(scenario())


def test_a_raised_rate_frees_those_who_wait_at_once() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 1))
        crowd.come(700)
        await asyncio.sleep(0.5)
        crowd.limit.change(600)
        await turns(3_000)
        assert len(crowd.served) == 600, "as many as the new minute holds, less the one that was served"
        start = now()
        await crowd.outcomes()
        assert now() - start == pytest.approx(10, abs=0.01)
        assert crowd.served == list(range(700))

    run(scenario())


def test_a_lowered_rate_slows_those_who_wait_at_once() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 600, burst=1))
        crowd.come(11)
        await asyncio.sleep(0.55)
        assert len(crowd.served) == 6
        crowd.limit.change(60)
        start = now()
        await crowd.outcomes()
        assert [time - start for time in crowd.times[6:]] == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5], abs=0.05)

    run(scenario())


def test_one_called_for_a_place_that_a_lowered_rate_took_away_keeps_its_position() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60))
        crowd.come(63)
        await turns()
        virtual_loop().call_after_next_timer(lambda: crowd.limit.change(30))
        await asyncio.sleep(2.5)
        assert len(crowd.served) == 60
        crowd.limit.change(6_000)
        await turns(20)
        assert crowd.served == list(range(63)), "and waits no longer than the next change"

    run(scenario())


def test_changing_often_neither_speeds_up_nor_starves() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 6_000))
        crowd.come(6_100)
        await turns()
        for step in range(1_000):
            crowd.limit.change(60 + step % 2)
            await asyncio.sleep(0.1)
        assert 98 <= len(crowd.served) - 6_000 <= 100

    run(scenario())


def test_those_who_wait_for_a_deleted_endpoint_are_told_and_cost_nothing() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 1))
        crowd.come(100)
        await asyncio.sleep(30)
        crowd.limit.retire()
        assert (crowd.limit.waiting, virtual_loop().timers) == (0, 0)
        crowd.come(2)
        outcomes = await crowd.outcomes()
        assert crowd.served == [0, 100, 101], "who comes later belongs to a request that was running"
        assert crowd.times[1] - crowd.times[0] == pytest.approx(60, abs=0.001)
        gone = [outcome for outcome in outcomes if isinstance(outcome, EndpointNotFound)]
        assert len(gone) == 99
        assert {failure.reason for failure in gone} == {"Inference endpoint not found [a]"}

    run(scenario())


def test_deleting_while_one_is_woken_or_leaves_is_no_different() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=1))
        await crowd.limit.acquire()
        crowd.come(5)
        await turns()
        crowd.tasks[0].cancel()
        crowd.tasks[3].cancel()
        crowd.limit.retire()
        outcomes = await crowd.outcomes()
        assert [type(outcome) for outcome in outcomes] == [
            asyncio.CancelledError,
            EndpointNotFound,
            EndpointNotFound,
            asyncio.CancelledError,
            EndpointNotFound,
        ]
        start = now()
        await crowd.limit.acquire()
        assert now() - start == pytest.approx(1, abs=0.001)

    run(scenario())
