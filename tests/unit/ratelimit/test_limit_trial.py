"""A trial at another rate: it is served at that, and it alone, and counts as much as any other."""

import asyncio

import pytest

from inferd.ratelimit import RateLimits
from tests.unit.ratelimit.crowd import Crowd, now, turns
from tests.unit.virtual_time import run


def test_a_trial_at_a_higher_rate_frees_nobody_who_waits_and_does_not_wait_behind_them() -> None:
    async def scenario() -> None:
        every = RateLimits(burst=1)
        crowd = Crowd(every.of("a", 1))
        crowd.come(4)
        await turns()
        began = now()
        trial = every.of_trial("a", 600)
        await trial.acquire()
        assert now() - began == pytest.approx(0.1, abs=0.01)
        await asyncio.sleep(50)
        assert (crowd.served, crowd.limit.requests_per_minute, crowd.limit.given) == ([0], 1, 2)
        assert await crowd.outcomes() == [None] * 4
        # Its place had to leak before the next one was given.
        assert [round(time - began) for time in crowd.times] == [0, 120, 180, 240]

    run(scenario())


def test_what_is_used_is_used_for_a_trial_too() -> None:
    async def scenario() -> None:
        every = RateLimits()
        crowd = Crowd(every.of("a", 60))
        crowd.come(61)
        await turns()
        trial = every.of_trial("a", 62)
        assert [trial.try_acquire() for _ in range(3)] == [True, True, False]
        assert (crowd.limit.given, crowd.limit.waiting) == (62, 1)
        assert await crowd.outcomes() == [None] * 61
        assert crowd.times[-1] - crowd.times[0] == pytest.approx(3, abs=0.01)

    run(scenario())


async def test_a_trial_at_a_lower_rate_takes_a_place_that_is_free() -> None:
    every = RateLimits()
    limit = every.of("a", 600)
    for _ in range(5):
        await limit.acquire()
    await every.of_trial("a", 1).acquire()
    assert (limit.given, limit.requests_per_minute) == (6, 600)
