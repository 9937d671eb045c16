"""The one timer of all waits, in virtual time."""

import asyncio
import math

import pytest

from inferd.upstream.clock import SHORTEST_PAUSE, Clock, Limit
from tests.unit.upstream.pretended import now
from tests.unit.virtual_time import run, virtual_loop


class Wait:
    """Notes when it expires."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.until = now() + seconds
        self.expired: list[float] = []
        clock.watch(self)

    def expire(self) -> None:
        """See Waiting."""
        self.expired.append(now() - self.until)


def test_each_wait_ends_at_its_time_and_once() -> None:
    async def scenario() -> None:
        clock = Clock()
        waits = [Wait(clock, seconds) for seconds in (30.0, 0.1, 300.0, math.inf, 30.0, 0.1)]
        await asyncio.sleep(1000.0)
        assert [len(wait.expired) for wait in waits] == [1, 1, 1, 0, 1, 1]
        assert all(0.0 <= late < 0.001 for wait in waits for late in wait.expired)

    run(scenario())


def test_whoever_no_longer_waits_is_not_told() -> None:
    async def scenario() -> None:
        clock = Clock()
        gone, there = Wait(clock, 1.0), Wait(clock, 2.0)
        clock.forget(gone)
        clock.forget(gone)
        await asyncio.sleep(3.0)
        assert (gone.expired, len(there.expired)) == ([], 1)

    run(scenario())


def test_a_thousand_waits_that_end_well_set_one_timer() -> None:
    async def scenario() -> None:
        clock = Clock()
        for _ in range(1000):
            clock.forget(Wait(clock, 30.0))
        assert virtual_loop().timers == 1
        await asyncio.sleep(31.0)
        assert virtual_loop().timers == 0

    run(scenario())


@pytest.mark.parametrize("later", [5.0, 1.0])
def test_an_end_that_moves_is_kept(later: float) -> None:
    async def scenario() -> None:
        clock, began = Clock(), now()
        wait = Wait(clock, 2.0)
        wait.until = began + later
        clock.watch(wait)
        await asyncio.sleep(10.0)
        assert len(wait.expired) == 1 and 0.0 <= wait.expired[0] < 0.001

    run(scenario())


def test_ends_close_to_each_other_come_together() -> None:
    async def scenario() -> None:
        clock = Clock()
        waits = [Wait(clock, 1.0 + at / 1_000_000) for at in range(1000)]
        before = len(virtual_loop().delays)
        await asyncio.sleep(2.0)
        assert all(0.0 <= wait.expired[0] <= SHORTEST_PAUSE + 0.001 for wait in waits)
        assert len(virtual_loop().delays) - before < 10

    run(scenario())


def test_a_closed_clock_leaves_no_timer() -> None:
    async def scenario() -> None:
        clock = Clock()
        Wait(clock, 1.0)
        clock.close()
        clock.close()
        assert virtual_loop().timers == 0

    run(scenario())


def test_what_is_not_done_in_time_is_ended() -> None:
    async def scenario() -> None:
        clock, began = Clock(), now()
        with pytest.raises(TimeoutError):
            with Limit(clock, began + 1.0) as limit:
                await asyncio.sleep(2.0)
        assert limit.expired and now() - began == pytest.approx(1.0, abs=0.01)
        # The task is none that was cancelled, and nothing is left to cancel it.
        await asyncio.sleep(2.0)
        task = asyncio.current_task()
        assert task is not None and not task.cancelling()

    run(scenario())


@pytest.mark.parametrize("problem", [None, LookupError])
def test_what_is_done_in_time_ends_as_it_does(problem: type[Exception] | None) -> None:
    async def scenario() -> None:
        clock = Clock()
        try:
            with Limit(clock, now() + 1.0) as limit:
                await asyncio.sleep(0.5)
                if problem is not None:
                    raise problem
        except LookupError:
            assert problem is LookupError
        await asyncio.sleep(1.0)
        assert not limit.expired

    run(scenario())


@pytest.mark.parametrize(("after", "expired"), [(0.5, False), (1.0, True)])
def test_whoever_else_cancels_is_heard(after: float, expired: bool) -> None:
    async def scenario() -> None:
        clock = Clock()
        limits: list[Limit] = []

        async def wait() -> None:
            with Limit(clock, now() + 1.0) as limit:
                limits.append(limit)
                await asyncio.sleep(2.0)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(limits[0].until - 1.0 + after, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert limits[0].expired is expired

    run(scenario())


def test_the_inner_of_two_limits_ends_only_what_is_inside() -> None:
    async def scenario() -> None:
        clock, began = Clock(), now()
        with pytest.raises(TimeoutError):
            with Limit(clock, began + 3.0) as outer:
                with pytest.raises(TimeoutError):
                    with Limit(clock, began + 1.0):
                        await asyncio.sleep(9.0)
                assert not outer.expired
                await asyncio.sleep(9.0)
        assert now() - began == pytest.approx(3.0, abs=0.01)

    run(scenario())
