"""Memory that many requests have needed goes back to the system once few are left: the allocator keeps it for ever.

What is larger than 512 bytes comes from the C library's heap, which shrinks at its end only: one small piece there,
and a hundred megabytes of what slow readers had not read stay. glibc gives back the free pages in between when told.
"""

import asyncio
import gc
import resource
from collections.abc import Callable
from contextlib import suppress

from inferd.aside import Aside

# Seconds between two looks, and bytes that the process must have grown by to make it worth the while.
INTERVAL = 5.0
WORTH = 8 * 1024 * 1024


async def give_back(busy: Callable[[], int], aside: Aside) -> None:
    """Gives memory back whenever three quarters of many requests have ended; runs until it is cancelled.

    ``busy`` says how many are being served. It is done in ``aside``: to let go of 100 MB takes 10 to 40 ms, for half of
    which the loop has to wait at worst.
    """
    most, settled = 0, resident()
    while True:
        await asyncio.sleep(INTERVAL)
        now = busy()
        most = max(most, now)
        if now > most // 4 or resident() < settled + WORTH:
            continue
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
    # 5 ms to load, and many daemons never need it.
    import ctypes

    # What the interpreter holds in lists of free objects, tuples by the thousand, lies all over the heap.
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
