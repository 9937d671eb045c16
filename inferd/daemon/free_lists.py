"""Free lists, turned over: what types written in C keep for the next to come holds the memory of a crowd that has left.

CPython takes objects of up to 512 bytes from arenas of 1 MB and gives an arena back once nothing in it is in use. When
2,000 streams have left, a thousand blocks are in use in the thirty arenas they needed, and nearly all of these are no
objects any more: uvloop, asyncio and multidict keep some hundred of a kind, in the order in which they came to their
end. (``inferd.daemon.reserve`` is for the few others, timers and numbers that live on.)
The collector empties the interpreter's own lists and none of these. But they can be emptied by whoever makes as
many objects, and filled again by dropping them; between the two, others are made, of what lies together.

All of this is but objects that are made and dropped: where there is no such list, nothing comes of it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import cast

from multidict import CIMultiDict, CIMultiDictProxy

# At least as many as there is place for: uvloop keeps 250 handles of a kind, asyncio 255 iterators, multidict 32 of
# each of its types, and Cython, of which uvloop is made, 8 calls of a coroutine.
HANDLES, HEADERS, CALLS = 256, 32, 8


async def turn_over() -> None:
    """Puts other objects into the free lists, those next to each other that the allocator finds first; takes 2 ms."""
    async with taken():
        # These fill the lists, so that there is no place left in them for what was taken first: that is free.
        async with taken():
            pass


@asynccontextmanager
async def taken() -> AsyncIterator[None]:
    """Takes all there is: the lists are empty within. What was taken is dropped at the end."""
    objects = _listed()
    loop = asyncio.get_running_loop()
    # Nothing becomes of these calls, none of which is ever begun: they are made for what uvloop keeps of them.
    nowhere = cast(socket.socket, None)
    calls = [loop.connect_accepted_socket(asyncio.Protocol, nowhere) for _ in range(CALLS)]
    try:
        # The loop still has to forget what it was asked to do.
        for _ in range(2):
            await asyncio.sleep(0)
        yield
    finally:
        objects.clear()
        for call in calls:
            call.close()
        calls.clear()


def _listed() -> list[object]:
    loop, context = asyncio.get_running_loop(), copy_context()
    future, headers = loop.create_future(), CIMultiDict[str]()
    objects: list[object] = []
    for _ in range(HANDLES):
        # Cancelled at once: it matters not what they call.
        soon, later = loop.call_soon(object, context=context), loop.call_later(1.0, object, context=context)
        soon.cancel()
        later.cancel()
        objects += soon, later, iter(future)
    for _ in range(HEADERS):
        objects += CIMultiDict(name=""), CIMultiDictProxy(headers)
    return objects
