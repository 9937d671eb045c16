"""That free lists are empty while they are taken, and what it gives back to turn them over."""

import asyncio
import gc
import os

import pytest
from multidict import CIMultiDict

from inferd.daemon.free_lists import HEADERS, taken, turn_over
from tests.unit.daemon.alone import told

pytestmark = pytest.mark.skipif("PYTHONMALLOC" in os.environ, reason="another allocator is asked for")

# A crowd of objects of all sizes, each with a timer and an iterator. They end in no order, so that what free lists keep
# of them lies all over the heap.
CROWD = """
import asyncio, gc, random, sys, uvloop
from inferd.daemon.memory import resident, trim
from inferd.daemon.free_lists import turn_over

async def main(turn):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    trim()
    before = resident()
    crowd = [
        (loop.call_later(999, print), iter(future), [bytes(16 * size) for size in range(1, 28)]) for _ in range(4000)
    ]
    random.Random(0).shuffle(crowd)
    most = resident()
    while crowd:
        crowd.pop()[0].cancel()
    await asyncio.sleep(0.01)
    if turn:
        await turn_over()
    trim()
    print((most - before) // 1000, (resident() - before) // 1000)

uvloop.run(main(sys.argv[1] == "turn"))
"""


def test_what_a_crowd_has_needed_is_given_back_once_its_free_lists_are_turned_over() -> None:
    # In kB.
    ((needed, remains),) = told(CROWD, "turn")
    ((_, unturned),) = told(CROWD, "stay")
    assert remains < needed / 2 < unturned


def made() -> set[int]:
    """Where headers are that come from their free list, in which they are again."""
    return set(map(id, [CIMultiDict(name="") for _ in range(HEADERS)]))


async def test_what_is_made_while_free_lists_are_taken_is_none_of_theirs() -> None:
    listed = made()
    assert made() == listed
    async with taken():
        assert not made() & listed


async def test_others_are_in_the_lists_once_they_are_turned_over() -> None:
    listed = made()
    await turn_over()
    assert not made() & listed


async def test_nothing_remains_of_it_when_it_is_given_up() -> None:
    async def take() -> None:
        async with taken():
            await asyncio.Event().wait()

    taking = asyncio.create_task(take())
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    # A call that is dropped before it was begun or closed would be warned of, and warnings are errors.
    gc.collect()
