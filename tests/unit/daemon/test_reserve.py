"""That what is made comes from the reserve, and what a crowd has needed is given back although some of it lives on."""

import os
import subprocess
import sys

import pytest

from inferd.daemon import reserve
from inferd.daemon.reserve import HEAD, POOL, SIZES, Reserve

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


def left(argument: str) -> tuple[int, int]:
    """What a crowd has needed and what is left of it, in kB."""
    # Without what the environment asks of Python: asyncio's debugging keeps a traceback with every handle.
    command = [sys.executable, "-E", "-c", CROWD, argument]
    needed, remains = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(needed), int(remains)


def test_what_a_crowd_has_needed_is_given_back_although_some_of_it_lives_on() -> None:
    needed, remains = left("first")
    _, unchanged = left("stay")
    assert remains < needed / 8 < needed / 4 < unchanged


@pytest.mark.parametrize("size", SIZES)
def test_a_plug_is_of_its_size(size: int) -> None:
    assert size - 16 < sys.getsizeof(reserve._plug(size)) <= size


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Those there are pools for. In development mode each object takes 24 bytes more, 16 of them before it."""
    if not sys.flags.dev_mode:
        return list(SIZES)
    plug = reserve._plug
    sizes = [size for size in SIZES if size >= 64 and (POOL - HEAD) % size >= 16]
    monkeypatch.setattr(reserve, "HEAD", HEAD + 16)
    monkeypatch.setattr(reserve, "SIZES", sizes)
    monkeypatch.setattr(reserve, "_plug", lambda size: plug(size - 24))
    return sizes


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_made_comes_from_the_reserve(size: int, sizes: list[int]) -> None:
    if size not in sizes:
        return
    made = await Reserve.made()
    crowd = [reserve._plug(size) for _ in range(40 * POOL // size)]
    del crowd[::2]
    # Half of the crowd has left, and the next ones take these places.
    things = [reserve._plug(size) for _ in range(10 * POOL // size)]
    assert not any(thing in made for thing in things)
    things.clear()
    await made.come_first()
    # What is dropped elsewhere in these moments, by the collector or coverage's tracing, leaves its place first.
    things = [reserve._plug(size) for _ in range(10 * POOL // size)]
    assert sum(thing in made for thing in things) > 8


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
