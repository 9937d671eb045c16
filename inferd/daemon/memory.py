"""Memory that many requests have needed goes back to the system once few are left: the allocators keep it for ever.

What is larger than 512 bytes comes from the C library's heap, which shrinks at its end only: one small piece there,
and a hundred megabytes of what slow readers had not read stay. glibc gives back the free pages in between when told.
What is smaller comes from Python's arenas, which are given back when they are empty (``inferd.daemon.free_lists``).
"""

import asyncio
import gc
import resource
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from inferd.aside import Aside
from inferd.daemon.free_lists import turn_over

# Seconds between two looks; what makes it worth the while: so many requests at once, or so many bytes of growth.
INTERVAL = 5.0
CROWD = 100
WORTH = 8 * 1024 * 1024


async def give_back(busy: Callable[[], int], aside: Aside) -> None:
    """Gives memory back whenever three quarters of many requests have ended; runs until it is cancelled.

    ``busy`` says how many are being served. It is done in ``aside``: to let go of 100 MB takes 10 to 40 ms, for half of
    which the loop has to wait at worst.
    """
    # Now, for the thread and the module that are needed: made amid a crowd, they would hold what that has needed.
    await aside.run(trim)
    most, settled = 0, resident()
    while True:
        await asyncio.sleep(INTERVAL)
        now = busy()
        most = max(most, now)
        if now > most // 4 or (most < CROWD and resident() < settled + WORTH):
            continue
        if not now:
            # Before, what is in use holds more than the lists do.
            await turn_over()
        await aside.run(trim)
        # What is in use by then is given back when those who use it have ended, too.
        most = busy()
        if not most:
            settled = resident()


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
