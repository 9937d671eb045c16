"""The requests that are being served."""

import asyncio

from inferd.errors import Failure, StatusFailure
from inferd.rest.open_requests import OpenRequests


class Served:
    """A request that remembers what it was ended with."""

    def __init__(self) -> None:
        self.failure: Failure | None = None

    def cut(self, failure: Failure) -> None:
        """See Cuttable."""
        self.failure = failure


async def test_none_left_waits_for_the_last_one() -> None:
    requests, one, other = OpenRequests(), Served(), Served()
    await requests.none_left()
    requests.add(one)
    requests.add(other)
    waiting = [asyncio.create_task(requests.none_left()) for _ in range(2)]
    await asyncio.sleep(0)
    requests.remove(one)
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting) and len(requests) == 1
    requests.remove(other)
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    requests.remove(other)


async def test_all_are_cut_and_counted() -> None:
    requests, served = OpenRequests(), [Served(), Served()]
    for one in served:
        requests.add(one)
    failure = StatusFailure("over", 503)
    assert requests.cut(failure) == 2
    assert [one.failure for one in served] == [failure, failure]
    requests.streams = 1
    assert repr(requests) == "<OpenRequests 2, 1 of them streams>"
