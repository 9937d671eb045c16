"""Memory that many requests have needed goes back to the system once few are left: the allocators keep it for ever.

What is larger than 512 bytes comes from the C library's heap, which shrinks at its end only: one small piece there,
and a hundred megabytes of what slow readers had not read stay. glibc gives back the free pages in between when told.
What is smaller comes from Python's arenas, which are given back when they are empty: what lives on must lie elsewhere.
(``inferd.daemon.reserve`` says where, and ``inferd.daemon.free_lists`` has libraries let go of what they keep.)
"""

import asyncio
import gc
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from inferd.aside import Aside
from inferd.daemon.free_lists import turn_over
from inferd.daemon.reserve import Reserve

# Seconds between two looks; what makes it worth the while: so many requests at once, or so many bytes of growth.
INTERVAL = 5.0
CROWD = 100
WORTH = 8 * 1024 * 1024

# When so few are left, what they need matters no more.
FEW = CROWD // 4

# At these looks with few left the arenas are emptied, the first being that with the crowd gone: for a minute and a
# half. What keeps one in use is made anew by and by, a timer when it fires, a count or a date with the next request.
LOOKS = (0, 1, 2, 4, 8, 16)

# How they are emptied: so many seconds apart, so often. What a fired timer was made of goes to a free list, where the
# next to be set finds it: so it is done more often than any timer fires (every half second), and until each has fired
# twice (those of a second, too), for the next to be set may have been another.
PAUSE, PASSES = 0.25, 10

# Seconds of the collector's that nobody should have to wait for so often: for 100,000 objects.
TOO_LONG = 0.005


async def give_back(busy: Callable[[], int], aside: Aside) -> None:
    """Gives memory back whenever three quarters of many requests have ended; runs until it is cancelled.

    ``busy`` says how many are being served. When nearly all of a crowd have left, arenas are emptied, for a while.
    What glibc has is given back in ``aside``: to let go of 100 MB takes 10 to 40 ms, for half of which the loop has to
    wait at worst.
    """
    # Now, for the thread and the module that are needed: made amid a crowd, they would hold what that has needed.
    await aside.run(trim)
    await give_up_connection()
    reserve = await Reserve.made()
    most, settled, since = 0, resident(), max(LOOKS)
    while True:
        await asyncio.sleep(INTERVAL)
        now = busy()
        most = max(most, now)
        few, left = now <= FEW, now <= most // 4 and (most >= CROWD or resident() >= settled + WORTH)
        since = 0 if most >= CROWD else since + few
        if not left and not (few and since in LOOKS):
            continue
        if few:
            await empty(busy, reserve)
        await aside.run(trim)
        # What is in use by then is given back when those who use it have ended, too.
        most = busy()
        if not most:
            settled = resident()


async def empty(busy: Callable[[], int], reserve: Reserve) -> None:
    """Has what is made anew come from ``reserve``, and lets free lists hold nothing else, until more requests come."""
    for _ in range(PASSES):
        await reserve.come_first()
        began = time.thread_time()
        # The interpreter's own lists.
        gc.collect()
        took = time.thread_time() - began
        await turn_over()
        await asyncio.sleep(PAUSE)
        if took > TOO_LONG or busy() > FEW:
            return


async def give_up_connection() -> None:
    """Gives up one connection: what uvloop makes of the first time and keeps for ever would be made amid a crowd.

    That is what its line numbers in a traceback need; eight objects, which held four arenas.
    """
    # Nobody listens there.
    with suppress(OSError), socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(loop.create_connection(asyncio.Protocol, *deaf.getsockname()))
        await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.wait([connecting])


def resident() -> int:
    """How much of the process is in memory, in bytes; 0 where the system does not say."""
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as sizes:
        return int(sizes.read().split()[1]) * resource.getpagesize()
    return 0


def trim() -> None:
    """Gives the C library's free pages back, where that is glibc."""
    # What the interpreter holds in lists of free objects, tuples by the thousand, lies all over the heap.
    gc.collect()
    malloc_trim = _malloc_trim()
    if malloc_trim is not None:
        malloc_trim(0)


@cache
def _malloc_trim() -> Callable[[int], object] | None:
    """The C library's; ctypes makes a class and more for it, which are to be made once."""
    # 5 ms to load: beside the loop, and once it serves.
    import ctypes

    found: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found
