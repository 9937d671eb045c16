"""That what is made comes from the reserve, and what a crowd has needed is given back although some of it lives on."""

import os
import sys

import pytest

from inferd.daemon import reserve
from inferd.daemon.reserve import HEAD, POOL, SIZES, Reserve
from tests.unit.daemon.alone import told

pytestmark = pytest.mark.skipif("PYTHONMALLOC" in os.environ, reason="another allocator is asked for")

# A crowd of objects of all sizes, which ends in no order. A few of each size, made in the midst of it, live on and are
# made anew when it has left.
CROWD = """
import asyncio, random, sys
from inferd.daemon.memory import resident, trim
from inferd.daemon.reserve import Reserve

SIZES = range(28)

async def main(first):
    reserve = await Reserve.made()
    trim()
    before = resident()
    crowd, live_on = [], []
    for size in [*SIZES] * 10:
        crowd += [[bytes(16 * size) for size in SIZES] for _ in range(15)]
        live_on.append(bytes(16 * size))
    most = resident()
    random.Random(0).shuffle(crowd)
    while crowd:
        crowd.pop()
    if first:
        await reserve.come_first()
    for at, old in enumerate(live_on):
        live_on[at] = bytes(len(old))
    trim()
    print((most - before) // 1000, (resident() - before) // 1000)

asyncio.run(main(sys.argv[1] == "first"))
"""


def test_what_a_crowd_has_needed_is_given_back_although_some_of_it_lives_on() -> None:
    # In kB.
    ((needed, remains),) = told(CROWD, "first")
    ((_, unchanged),) = told(CROWD, "stay")
    assert remains < needed / 5 < needed / 4 < unchanged


@pytest.mark.parametrize("size", SIZES)
def test_a_plug_is_of_its_size(size: int) -> None:
    assert size - 16 < sys.getsizeof(reserve._plug(size)) <= size


# A crowd of each size in turn, of which half leaves: the next ones take the places of these, and then the reserve.
NEXT = """
import asyncio
from inferd.daemon.reserve import POOL, SIZES, Reserve, _plug

def next_ones(size, made):
    return sum([thing in made for thing in [_plug(size) for _ in range(24)]])

async def main():
    made = await Reserve.made()
    for size in SIZES:
        crowd = [_plug(size) for _ in range(20 * POOL // size)]
        del crowd[::2]
        before = next_ones(size, made)
        await made.come_first()
        print(size, before, next_ones(size, made))

asyncio.run(main())
"""


def test_what_is_made_next_comes_from_the_reserve() -> None:
    found = {size: (before, after) for size, before, after in told(NEXT)}
    assert found.keys() == {*SIZES}
    # A pool of the largest has 31 places, of which others of the daemon's have some.
    assert [size for size, (before, after) in found.items() if before or after < 12] == []


@pytest.fixture
def size(monkeypatch: pytest.MonkeyPatch) -> int:
    """The only one there is a reserve for: one that hardly anything here is of."""
    monkeypatch.setattr(reserve, "SIZES", [496])
    if sys.flags.dev_mode:
        # Each object takes 24 bytes more then, 16 of them before it.
        plug = reserve._plug
        monkeypatch.setattr(reserve, "HEAD", HEAD + 16)
        monkeypatch.setattr(reserve, "_plug", lambda size: plug(size - 24))
    return 496


async def test_it_comes_first_in_the_midst_of_others_too(size: int) -> None:
    made = await Reserve.made()
    crowd = [reserve._plug(size) for _ in range(40 * POOL // size)]
    del crowd[::2]
    things = [reserve._plug(size) for _ in range(16)]
    assert not any(thing in made for thing in things)
    things.clear()
    await made.come_first()
    assert any(reserve._plug(size) in made for _ in range(16))


async def test_with_another_allocator_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def plug(size: int) -> object:
        asked.append(size)
        return bytearray(size)

    monkeypatch.setattr(reserve, "_plug", plug)
    made = await Reserve.made()
    assert set(asked) == {max(SIZES)}
    asked.clear()
    await made.come_first()
    assert asked == [] and asked not in made
