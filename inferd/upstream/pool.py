"""The connections to upstreams: those in use, and those kept for the next request to the same origin."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable

from inferd.upstream.connection import Connection
from inferd.upstream.http1 import Origin

# How long an idle connection is kept, in seconds. Most providers close theirs after 60 s or more.
IDLE_TIME = 55.0

# Idle connections kept for an origin: what is left of a burst, without keeping descriptors for the next one.
MAX_IDLE = 512


class Pool:
    """Owns every connection, see Owner; the one that was used last is taken first, so that the others can go."""

    def __init__(
        self, *, idle_time: float = IDLE_TIME, max_idle: int = MAX_IDLE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._idle_time = idle_time
        self._max_idle = max_idle
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        # In use or idle.
        self._living: set[Connection] = set()
        self._ending: set[Connection] = set()
        # With the time since when they are idle, the longest first.
        self._idle: defaultdict[Origin, dict[Connection, float]] = defaultdict(dict)
        self._sweep: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<Pool: {self.leased} in use, {self.available} idle>"

    @property
    def closed(self) -> bool:
        """True once it is closed or about to be."""
        return self._emptied is not None

    @property
    def watching(self) -> bool:
        """True while a timer looks for connections that have been idle for too long."""
        return self._sweep is not None

    @property
    def leased(self) -> int:
        """Connections in use."""
        return len(self._living) - self.available

    @property
    def available(self) -> int:
        """Idle connections."""
        return sum(map(len, self._idle.values()))

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection, now in use; None if there is none."""
        idle = self._idle.get(origin)
        while idle:
            connection, _ = idle.popitem()
            if connection.usable:
                return connection
            self.end(connection)
        return None

    def adopt(self, connection: Connection) -> None:
        """See Owner."""
        self._living.add(connection)

    def free(self, connection: Connection) -> None:
        """See Owner."""
        idle = self._idle[connection.origin]
        if len(idle) >= self._max_idle:
            connection.abort()
            return
        idle[connection] = self._clock()
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._idle_time, self.drop_old)

    def end(self, connection: Connection) -> None:
        """See Owner."""
        self._idle.get(connection.origin, {}).pop(connection, None)
        if connection in self._living:
            self._living.discard(connection)
            self._ending.add(connection)

    def forget(self, connection: Connection) -> None:
        """See Owner."""
        self.end(connection)
        self._ending.discard(connection)
        if self._emptied is not None and not self._ending:
            self._emptied.set()

    async def close(self) -> None:
        """Ends all connections, and returns when the loop has let go of them."""
        self._emptied = asyncio.Event()
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._living):
            connection.abort()
        if self._ending:
            await self._emptied.wait()

    def drop_old(self) -> None:
        """Ends what has been idle for too long, and looks again later: a connection may live a quarter longer."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for origin in [origin for origin, idle in self._idle.items() if not idle]:
            del self._idle[origin]
        if not self._idle:
            return
        before = self._clock() - self._idle_time
        for idle in self._idle.values():
            for connection in [each for each, since in idle.items() if since <= before]:
                connection.abort()
        self._sweep = self._loop.call_later(self._idle_time / 4, self.drop_old)
