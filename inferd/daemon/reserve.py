"""A reserve of memory for what lives on when a crowd has left, so that it does not hold what the crowd has needed.

CPython takes objects of up to 512 bytes from pools of 16 KB, each of them for objects of one size, and the pools from
arenas of 1 MB; an arena goes back to the system once nothing in it is in use. A new object comes from the first pool
of its size with room in it, wherever that lies. So whatever is made while a crowd is there or leaves, a timer that is
set again, a number that has changed, lies in one of the crowd's arenas, and twenty such objects hold twenty of them.

Where an object comes from cannot be asked for, but which pool is the first can be chosen: it is the one that was full
and had an object freed last. So every place that is free is filled with a plug, and all plugs are dropped again, last
of all those in the reserve: pools for each size that lie with what the daemon is made of, one plug in each of which is
never dropped. From then on new objects come from the reserve, as long as it has room and, which is as good, no place
comes free in a pool that has remained full. It does not matter what they are or who makes them.

All of this is but objects that are made and dropped: with another allocator no pool is found, and nothing is done.
"""

import asyncio
from collections import defaultdict
from itertools import groupby, repeat

# CPython's, since 3.10; what a pool needs for itself is part of it.
POOL, HEAD = 16 * 1024, 48
SIZES = range(16, 513, 16)

# So many objects of the sizes that free lists are of find room (see inferd.daemon.free_lists), a pool of those of all
# others: 0.9 MB in all.
LISTED, LARGEST_LISTED = 512, 160

# So often two pools' worth of plugs are made at most: 8 MB.
MOST = 256

# So many places at least may come free meanwhile.
STRAY = 24


class Reserve:
    """The pools; to be made before there is a crowd, by ``made``."""

    def __init__(self) -> None:
        # The plugs that are never dropped, by their pools.
        self._kept: dict[int, object] = {}

    @classmethod
    async def made(cls) -> "Reserve":
        """One with room in it."""
        reserve = cls()
        # With another allocator, the few large ones tell.
        for size in reversed(SIZES):
            fresh = 1 + (LISTED * size // POOL if size <= LARGEST_LISTED else 0)
            pools = await _plugged(size, fresh)
            whole = [at for at, plugs in pools.items() if _is_whole(at, plugs, size)]
            if not whole:
                break
            reserve._kept |= {at: pools[at].pop() for at in whole}
        return reserve

    def __contains__(self, thing: object) -> bool:
        """Whether ``thing`` lies in it."""
        return _pool(thing) in self._kept

    async def come_first(self) -> None:
        """From now on it is used first. Takes 30 ms after 2,000 streams, in steps of one."""
        for size in SIZES if self._kept else ():
            pools = await _plugged(size, 1)
            # The numbers of the pools go now: they are of one of the sizes themselves.
            groups = [pools.pop(at) for at in sorted(pools, key=self._kept.__contains__)]
            # In places that have come free since. This loop makes nothing else, and nobody has a turn until it is done.
            stray: list[object] = []
            while len(stray) < STRAY + len(groups):
                stray.append(_plug(size))
            # A pool that becomes full by these comes first once it is not: so the others' go before.
            stray = [plug for plug in stray if plug in self]
            for plugs in groups:
                plugs.pop()
            stray.clear()
            while groups:
                groups.pop()
                if len(groups) % 16 == 0:
                    await asyncio.sleep(0)


def _pool(thing: object) -> int:
    return id(thing) // POOL


def _is_whole(at: int, plugs: list[object], size: int) -> bool:
    """Whether the plugs in a pool are all there is in it."""
    places = range(at * POOL + HEAD, (at + 1) * POOL - size + 1, size)
    return len(plugs) == len(places) and sorted(map(id, plugs)) == list(places)


async def _plugged(size: int, fresh: int) -> dict[int, list[object]]:
    """Plugs by the pools they lie in: all places of ``size`` that were free, and so many pools that were not in use."""
    pools: dict[int, list[object]] = defaultdict(list)
    for _ in range(MOST):
        # Two pools' worth at once: were others made in between, none would hold nothing but plugs.
        for at, plugs in groupby([_plug(size) for _ in repeat(None, 2 * POOL // size)], _pool):
            pools[at] += plugs
            fresh -= _is_whole(at, pools[at], size)
        if fresh <= 0:
            break
        await asyncio.sleep(0)
    return pools


def _plug(size: int) -> object:
    if size == 16:
        return object()
    return complex() if size == 32 else bytes(size - 33)
