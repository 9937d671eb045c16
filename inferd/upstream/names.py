"""Looks names up beside the loop, each name once at a time, however many wait for it."""

import asyncio
import errno
import os
import socket
import threading
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address

# Names that are looked up at once at most, each in a thread: so many may hang before others have to wait.
MOST = 32


class Names:
    """Looks names up as the system does (getaddrinfo); made and used inside the running loop.

    The threads are its own. Those of the loop are few (uvloop: 4), so a few names whose server says nothing would hold
    up all others; and a loop that ends waits for its threads, which a daemon that is to stop must not.
    """

    def __init__(self, most: int = MOST) -> None:
        self._places = asyncio.Semaphore(most)
        self._asked: dict[str, asyncio.Task[list[str]]] = {}

    async def addresses(self, host: str) -> list[str]:
        """The numeric addresses of ``host``, the one to be preferred first; cancel it to give up.

        OSError or UnicodeError if there are none. Who gives up takes nothing from others who wait for the same name:
        the question goes on, and who comes while it does waits for its answer as well.
        """
        if _is_numeric(host):
            return [host]
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = asyncio.create_task(self._ask(host))
            asked.add_done_callback(lambda _: self._asked.pop(host))
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Waits for no answer any more; threads that still do end by themselves, or with the process."""
        for asked in self._asked.values():
            asked.cancel()

    async def _ask(self, host: str) -> list[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str] | Exception] = loop.create_future()

        def deliver(found: list[str] | Exception) -> None:
            if not answer.done():
                answer.set_result(found)

        def look_up() -> None:
            found = _looked_up(host)
            with suppress(RuntimeError):  # The loop may have ended meanwhile.
                loop.call_soon_threadsafe(deliver, found)

        async with self._places:
            try:
                threading.Thread(target=look_up, name="inferd-names", daemon=True).start()
            except RuntimeError:
                # As many threads as the system allows (TasksMax=): what may be otherwise at the next attempt.
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
            found = await answer
        if isinstance(found, Exception):
            raise found
        return found


def _looked_up(host: str) -> list[str] | Exception:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        return problem
    return list(dict.fromkeys(str(info[4][0]) for info in found))


@lru_cache(maxsize=1024)
def _is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
