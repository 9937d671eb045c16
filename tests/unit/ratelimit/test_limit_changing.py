"""What is used stays used, however often and in whichever direction the rate is changed."""

import asyncio

import pytest

from inferd.ratelimit.limit import RateLimit
from tests.unit.ratelimit.crowd import Crowd, now, turns
from tests.unit.virtual_time import run


def test_the_same_again_changes_nothing() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=1))
        start = now()
        crowd.come(10)
        while crowd.limit.waiting or not crowd.served:
            await asyncio.sleep(0.09)
            crowd.limit.change(60)
            crowd.limit.change(burst=1, queue_capacity=100)
        assert crowd.times[-1] - start == pytest.approx(9, abs=0.001)

    run(scenario())


@pytest.mark.parametrize("low", [1, 60, 599])
def test_lowering_and_raising_again_gives_no_fresh_allowance(low: int) -> None:
    async def scenario() -> int:
        crowd = Crowd(RateLimit("a", 600, queue_capacity=0))
        crowd.come(2_000)
        for _ in range(120):
            await asyncio.sleep(0.2)
            crowd.limit.change(low)
            await asyncio.sleep(0.3)
            crowd.limit.change(600)
        await turns(3_000)
        return len(crowd.served)

    assert 600 < run(scenario()) <= 600 + 600


def test_what_is_given_at_the_low_rate_counts_at_the_high_one() -> None:
    """600 at once; then 30 s in which 600 a minute would have given 300, of which 300 a minute gave 150."""

    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 600, queue_capacity=0))
        crowd.come(2_000)
        await turns(3_000)
        crowd.limit.change(300)
        await asyncio.sleep(30)
        assert len(crowd.served) == pytest.approx(750, abs=1)
        crowd.limit.change(600)
        await turns(3_000)
        assert len(crowd.served) == pytest.approx(900, abs=1)
        for task in crowd.tasks:
            task.cancel()
        await crowd.outcomes()

    run(scenario())


def test_the_highest_rate_is_the_one_that_is_remembered() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 600))
        crowd.come(600)
        await turns()
        for requests_per_minute in (60, 1_200):
            crowd.limit.change(requests_per_minute)
        crowd.come(600)
        await turns()
        assert len(crowd.served) == 1_200
        for requests_per_minute in (60, 30, 1_200):
            crowd.limit.change(requests_per_minute)
        assert repr(crowd.limit) == "a: 1200/min, 0 waiting, 0 free"

    run(scenario())


def test_what_was_put_aside_is_gone_after_a_minute() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 600, queue_capacity=0))
        crowd.come(600)
        await turns()
        crowd.limit.change(60)
        await asyncio.sleep(60)
        crowd.limit.change(600)
        assert repr(crowd.limit) == "a: 600/min, 0 waiting, 600 free"
        crowd.limit.change(60)
        crowd.limit.change(600)
        assert repr(crowd.limit) == "a: 600/min, 0 waiting, 600 free"

    run(scenario())
