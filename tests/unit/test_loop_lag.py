"""Lateness of the loop: what is remembered, and when it is too much."""

import asyncio
import time

import pytest

from inferd import loop_lag
from inferd.loop_lag import LoopLag


def test_three_late_looks_in_a_row_are_too_much_and_one_in_time_ends_it() -> None:
    lag = LoopLag()
    assert (lag.worst, lag.excessive) == (0.0, False)
    for late, excessive in ((0.6, False), (0.6, False), (0.6, True), (0.7, True), (0.1, False), (0.6, False)):
        lag.note(late)
        assert lag.excessive is excessive
    assert lag.worst == 0.7 and repr(lag) == "<LoopLag 0.700 s at worst in 10 s>"


def test_what_was_long_ago_is_forgotten_and_early_is_not_late() -> None:
    lag = LoopLag()
    lag.note(3.0)
    for _ in range(20):
        lag.note(-0.1)
    assert lag.worst == 0.0


async def test_a_loop_that_is_held_is_found_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "INTERVAL", 0.01)
    lag = LoopLag()
    with lag:
        time.sleep(0.2)  # Holds the loop, on purpose.
        async with asyncio.timeout(10):
            while lag.worst == 0.0:
                await asyncio.sleep(0.01)
    assert lag.worst > 0.1


async def test_without_its_block_it_looks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "INTERVAL", 0.001)
    lag = LoopLag()
    lag.__exit__()
    with lag:
        pass
    await asyncio.sleep(0.02)
    assert lag._looks == 0
