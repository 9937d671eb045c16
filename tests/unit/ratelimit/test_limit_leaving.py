"""Who leaves the queue, at whatever moment, costs no place, delays nobody and leaves no trace."""

import asyncio

import pytest

from inferd.ratelimit.limit import RateLimit
from tests.unit.ratelimit.crowd import Crowd, now, turns
from tests.unit.virtual_time import run, virtual_loop


@pytest.mark.parametrize("leaver", [0, 1, 2])
def test_one_who_leaves_costs_no_place_and_delays_nobody(leaver: int) -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=1))
        await crowd.limit.acquire()
        start = now()
        crowd.come(4)
        await asyncio.sleep(0.5)
        crowd.tasks[leaver].cancel()
        await crowd.outcomes()
        assert crowd.served == [number for number in range(4) if number != leaver]
        assert [time - start for time in crowd.times] == pytest.approx([1, 2, 3], abs=0.001)

    run(scenario())


def test_one_who_leaves_between_being_woken_and_waking_costs_no_place() -> None:
    """1. Two wait. 2. The head's timer fires. 3. In the same turn it is cancelled. Result: the second has the place."""

    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=1))
        await crowd.limit.acquire()
        start = now()
        crowd.come(3)
        await turns()
        virtual_loop().call_after_next_timer(crowd.tasks[0].cancel)
        await crowd.outcomes()
        assert crowd.served == [1, 2]
        assert [time - start for time in crowd.times] == pytest.approx([1, 2], abs=0.001)

    run(scenario())


def test_the_second_who_leaves_between_being_called_and_waking_calls_the_third() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60))
        crowd.come(60)
        await asyncio.sleep(0.5)
        crowd.come(4)
        await turns()
        head = crowd.tasks[60]
        head.add_done_callback(lambda _: crowd.tasks[61].cancel())
        head.cancel()
        await crowd.outcomes()
        assert crowd.served == [*range(60), 62, 63]
        assert crowd.times[60] - crowd.times[0] == pytest.approx(1, abs=0.001)

    run(scenario())


def test_all_leave_in_any_order_and_the_limit_is_as_new() -> None:
    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=1, queue_capacity=0))
        await crowd.limit.acquire()
        crowd.come(2_000)
        await turns()
        for task in (*crowd.tasks[::-2], *crowd.tasks[::2]):
            task.cancel()
        await crowd.outcomes()
        assert (crowd.limit.waiting, virtual_loop().timers) == (0, 0)
        await asyncio.sleep(1)
        start = now()
        await crowd.limit.acquire()
        assert now() - start < 0.001

    run(scenario())


def test_a_deadline_of_the_caller_ends_the_wait() -> None:
    async def scenario() -> None:
        limit = RateLimit("a", 1)
        await limit.acquire()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await limit.acquire()
        assert limit.waiting == 0
        start = now()
        await limit.acquire()
        assert now() - start == pytest.approx(30, abs=0.001)

    run(scenario())
