"""Any sequence of arrivals, departures, changes and deletions, against what the bucket and the queue promise."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.errors import EndpointNotFound
from inferd.ratelimit.bucket import LATENESS, Bucket
from inferd.ratelimit.limit import RateLimit
from tests.unit.ratelimit.crowd import Crowd, most_above, now, rising
from tests.unit.virtual_time import run

ANY = settings(deadline=None)

RATES = st.sampled_from([6, 30, 60, 61, 600, 6_000])
PAUSES = st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.7, 1.0, 5.0, 20.0]) | st.floats(0, 30)


@dataclass
class Come:
    """So many ask at once."""

    count: int


@dataclass
class Leave:
    """One of those who came, by its number, gives up if it still waits."""

    number: int


@dataclass
class Change:
    """Another rate."""

    requests_per_minute: int


@dataclass
class Delete:
    """The endpoint is deleted; what follows is its successor's."""


Step = Come | Leave | Change | Delete

COMING = st.builds(Come, st.integers(1, 40))
LEAVING = st.builds(Leave, st.integers(0, 200))
SLOW_CHANGE = st.builds(Change, st.sampled_from([6, 60, 120]))
ANYTHING = COMING | LEAVING | st.builds(Change, RATES) | st.just(Delete())


async def play(crowd: Crowd, steps: list[tuple[float, Step]]) -> None:
    """Do each step after its pause, in seconds."""
    for pause, step in steps:
        await asyncio.sleep(pause)
        match step:
            case Come(count):
                crowd.come(count)
            case Leave(number) if number < len(crowd.tasks):
                crowd.tasks[number].cancel()
            case Change(requests_per_minute):
                crowd.limit.change(requests_per_minute)
            case Delete():
                crowd.limit.retire()


def model(steps: list[tuple[float, Step]], per_second: float, size: int) -> dict[int, float]:
    """When each is served, if a bucket of ``size`` leaks ``per_second`` and everyone is served in turn."""
    clock, came, left = 0.0, list[float](), dict[int, float]()
    for pause, step in steps:
        clock += pause
        if isinstance(step, Come):
            came += [clock] * step.count
        elif isinstance(step, Leave) and step.number < len(came):
            left.setdefault(step.number, clock)
    served: dict[int, float] = {}
    level, last = 0.0, 0.0
    for number, arrival in enumerate(came):
        soonest = max(arrival, last)
        place = max(soonest, last + (level + 1 - size) / per_second)
        if left.get(number, place) >= place:
            level, last = max(0.0, level - (place - last) * per_second) + 1, place
            served[number] = place
    return served


@ANY
@given(st.lists(st.tuples(PAUSES, COMING | LEAVING), max_size=25), RATES, st.sampled_from([0, 1, 7]))
def test_everyone_is_served_exactly_when_the_model_says(
    steps: list[tuple[float, Step]], requests_per_minute: int, burst: int
) -> None:
    """Odd pauses keep a departure from falling into the very instant of a place, where both answers are right."""
    steps = [(pause + 0.000_137 * 3**0.5, step) for pause, step in steps]
    size = min(burst, requests_per_minute) if burst else requests_per_minute

    async def scenario() -> tuple[dict[int, float], float]:
        crowd = Crowd(RateLimit("a", requests_per_minute, burst=burst, queue_capacity=0))
        start = now()
        await play(crowd, steps)
        await crowd.outcomes()
        assert rising(crowd.served)
        served = dict(zip(crowd.served, [time - start for time in crowd.times], strict=True))
        return served, Bucket(requests_per_minute, burst).rate

    served, per_second = run(scenario())
    assert per_second == pytest.approx(requests_per_minute / 60, rel=0.001)
    assert served == pytest.approx(model(steps, per_second, size), abs=0.000_1)


@ANY
@given(
    st.lists(st.tuples(PAUSES, ANYTHING), max_size=40),
    RATES,
    st.sampled_from([0, 1, 7]),
    st.sampled_from([0.0, 0.001, 0.015]),
)
def test_whatever_happens_the_promises_hold(
    steps: list[tuple[float, Step]], requests_per_minute: int, burst: int, grain: float
) -> None:
    """Never above the highest rate in force, first come first served, nobody forgotten, no time wasted."""
    rates = [requests_per_minute, *(step.requests_per_minute for _, step in steps if isinstance(step, Change))]
    highest = max(rates)

    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", requests_per_minute, burst=burst, queue_capacity=0))
        await play(crowd, [*steps, (0.0, Change(highest))])
        outcomes = await crowd.outcomes()
        assert rising(crowd.served)
        assert crowd.limit.waiting == 0
        assert crowd.limit.given == len(crowd.served)
        assert len(crowd.served) == outcomes.count(None)
        assert {type(outcome) for outcome in outcomes} <= {type(None), EndpointNotFound, asyncio.CancelledError}
        size = max(min(burst, highest), 1 + highest / 60 * LATENESS) if burst else highest
        assert most_above(crowd.times, highest / 60) <= size + 0.001

    run(scenario(), grain=grain)


@ANY
@given(st.lists(st.tuples(st.floats(0, 3), LEAVING | SLOW_CHANGE), max_size=20), st.sampled_from([1, 5]))
def test_while_somebody_waits_the_rate_in_force_is_used(steps: list[tuple[float, Step]], burst: int) -> None:
    """What is given is the burst and what each rate yields in its time, to the last one that was about to be due."""

    async def scenario() -> None:
        crowd = Crowd(RateLimit("a", 60, burst=burst, queue_capacity=0))
        crowd.come(300)
        due, rate = float(burst), 60
        for pause, step in steps:
            due += pause * rate / 60
            rate = step.requests_per_minute if isinstance(step, Change) else rate
        await play(crowd, steps)
        await asyncio.sleep(0.000_1)
        assert due - 1 <= len(crowd.served) <= due + 0.01
        assert crowd.limit.waiting > 0
        for task in crowd.tasks:
            task.cancel()
        await crowd.outcomes()

    run(scenario())
