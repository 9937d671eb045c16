"""The rate: never exceeded, and used to the full while somebody waits, however late the timers are."""

import asyncio
import time
from bisect import bisect_left

import pytest

from inferd.ratelimit.bucket import LATENESS
from inferd.ratelimit.limit import RateLimit
from tests.unit.ratelimit.crowd import Crowd, most_above, now, rising
from tests.unit.virtual_time import run, virtual_loop


def test_a_full_bucket_at_once_and_then_the_rate() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60))
        start = now()
        crowd.come(180)
        await asyncio.sleep(59.5)
        assert len(crowd.times) == 119
        await crowd.outcomes()
        assert now() - start == pytest.approx(120, abs=0.001)

    run(scenario())


def test_a_burst_of_one_spaces_evenly_also_after_a_pause() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 6_000, burst=1))
        crowd.come(10)
        await asyncio.sleep(60)
        crowd.come(10)
        await crowd.outcomes()
        gaps = [later - earlier for earlier, later in zip(crowd.times, crowd.times[1:], strict=False)]
        assert min(gaps) == pytest.approx(0.01, abs=1e-5)
        assert max(gaps[:9] + gaps[10:]) == pytest.approx(0.01, abs=1e-5)

    run(scenario())


@pytest.mark.parametrize("requests_per_minute", [60, 600, 3_000, 6_000, 60_000])
@pytest.mark.parametrize("burst", [0, 1, 5])
def test_late_timers_cost_no_throughput_and_give_no_excess(requests_per_minute: int, burst: int) -> None:
    """Timers fire up to 7 ms late here, several times what a real loop does."""

    async def scenario() -> None:
        per_second = requests_per_minute / 60
        size = min(burst, requests_per_minute) if burst else requests_per_minute
        limit = RateLimit("a", requests_per_minute, burst=burst, queue_capacity=0)
        crowd = Crowd(limit)
        start = now()
        crowd.come(size + min(int(per_second * 60), 6_000))
        await crowd.outcomes()
        spent = now() - start
        assert len(crowd.times) - size >= 0.99 * per_second * (spent - 0.007)
        allowed = size if burst == 0 else max(size, 1 + per_second * LATENESS)
        assert most_above(crowd.times, per_second) <= allowed + 0.001
        assert rising(crowd.served)

    run(scenario(), grain=0.007)


@pytest.mark.parametrize("requests_per_minute", [600, 6_000, 60_000])
@pytest.mark.parametrize("between", [0.0, 0.0001])
def test_one_who_asks_again_as_soon_as_it_was_served_gets_the_rate(requests_per_minute: int, between: float) -> None:
    """One alone, its timers late: the queue is empty between any two places, and nothing is lost by that."""

    async def scenario() -> None:
        limit = RateLimit("a", requests_per_minute, burst=1)
        times: list[float] = []
        start = now()
        while now() - start < 60:
            await limit.acquire()
            times.append(now())
            virtual_loop().stand_still(between)
        assert 0.99 * requests_per_minute <= len(times) <= requests_per_minute + 1

    run(scenario(), grain=0.003)


def test_no_minute_gets_more_than_the_bucket_and_what_refills() -> None:
    """The loop stands still before each of two minutes: what that makes up for is in the minute's measure."""

    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 6_000, burst=1, queue_capacity=0))
        crowd.come(18_000)
        for _ in range(2):
            await asyncio.sleep(59)
            virtual_loop().stand_still(1.0)
        await crowd.outcomes()
        windows = [bisect_left(crowd.times, time + 60) - index for index, time in enumerate(crowd.times)]
        assert 0.99 * 6_000 < max(windows) <= 6_001

    run(scenario())


@pytest.mark.parametrize("requests_per_minute", [1, 2**63 - 1])
def test_the_slowest_and_the_fastest_rate(requests_per_minute: int) -> None:
    async def scenario() -> float:
        crowd = Crowd(RateLimit("a", requests_per_minute))
        start = now()
        crowd.come(3)
        await crowd.outcomes()
        return now() - start

    assert run(scenario()) == pytest.approx(120 if requests_per_minute == 1 else 0, abs=0.001)


def test_one_timer_a_place_and_none_that_the_loop_would_spin_on() -> None:
    async def scenario() -> None:
        slow = Crowd(RateLimit("a", 600, burst=1))
        slow.come(101)
        await slow.outcomes()
        assert len(virtual_loop().delays) == 100
        virtual_loop().delays.clear()
        fast = Crowd(RateLimit("b", 600_000, burst=1))
        fast.come(1_000)
        await fast.outcomes()
        assert min(virtual_loop().delays) >= 0.000_999
        assert len(virtual_loop().delays) <= 101

    run(scenario())


async def test_real_timers_give_no_more_than_the_rate() -> None:
    crowd = Crowd(RateLimit("a", 60_000, burst=1))
    start = time.perf_counter()
    crowd.come(400)
    await crowd.outcomes()
    # How much later it is over is for the machine to say; the tests above tell that no throughput is lost.
    assert time.perf_counter() - start >= 0.37
    assert rising(crowd.served)


async def test_real_waiters_are_freed_by_a_new_rate() -> None:
    crowd = Crowd(RateLimit("a", 1))
    crowd.come(100)
    await asyncio.sleep(0.05)
    assert len(crowd.served) == 1
    start = time.perf_counter()
    crowd.limit.change(6_000)
    await crowd.outcomes()
    # At the old rate it would take an hour and a half.
    assert time.perf_counter() - start < 30
