"""The thread beside the loop: in order, with results and failures, and no job for callers that left."""

import asyncio
import sys
import threading

import pytest

from inferd.aside import SWITCH_INTERVAL, Aside


async def test_jobs_are_done_in_one_thread_in_their_order() -> None:
    aside, done = Aside(), []

    def job(number: int, *, more: str) -> str:
        done.append((number, threading.current_thread().name))
        return f"{number}{more}"

    assert await asyncio.gather(*(aside.run(job, number, more="!") for number in range(5))) == [
        "0!", "1!", "2!", "3!", "4!",
    ]  # fmt: skip
    assert done == [(number, "inferd-aside_0") for number in range(5)]
    with pytest.raises(ZeroDivisionError):
        await aside.run(divmod, 1, 0)
    aside.close()


async def test_a_job_whose_caller_left_is_not_begun() -> None:
    aside, hold = Aside(), threading.Event()
    begun: list[str] = []
    first = asyncio.create_task(aside.run(hold.wait))
    second = asyncio.create_task(aside.run(begun.append, "second"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    hold.set()
    assert await first
    assert await aside.run(len, begun) == 0
    aside.close()


def test_the_loop_does_not_wait_for_its_turn_as_long_as_python_has_it() -> None:
    sys.setswitchinterval(0.005)
    Aside().close()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
