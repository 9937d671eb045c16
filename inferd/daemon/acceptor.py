"""Accepts connections, never more than there are descriptors for; the others wait in the kernel's queue.

asyncio's own servers accept whatever comes: at the descriptor limit they then spin and fill the log (CPython issue
151615). Here the count is known before each accept.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import Sequence

from inferd.log import Log
from inferd.rest.server import Server

# Connections the kernel holds while the loop is busy; thousands of clients may come back at once after a restart.
BACKLOG = 2048

# Connections taken in one turn of the loop; more would make the requests of others wait.
BATCH = 64

# How long a client may take over its TLS handshake, and how long accepting rests when descriptors are short. Seconds.
HANDSHAKE_TIME = 10.0
REST = 0.5

# Bytes the kernel holds for a client beyond what is on its way. It would take megabytes for one that does not read,
# and inferd would fetch and translate them for nothing.
MAX_UNSENT = 128 * 1024

# Descriptors that are not for connections: database, log, event loop, imports, a certificate being reloaded.
RESERVED = 64

# What a soft limit is raised to where the hard one allows it: as inferd.service has it.
WANTED_DESCRIPTORS = 65_536


def connection_limit(wanted: int) -> int:
    """How many clients may be connected: ``wanted``, as far as descriptors allow; 0 for half of these.

    Half, because a request that streams has a connection to its upstream too. The soft limit is raised first.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < enough:
        # Where a sandbox forbids it, what there is must do.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
            soft = enough
    elif soft == resource.RLIM_INFINITY:
        soft = WANTED_DESCRIPTORS
    free = max(soft - RESERVED, 2)
    return min(wanted, free) if wanted else free // 2


class Acceptor:
    """Hands connections of ``sockets`` to ``server``, at most ``limit`` at a time; you must ``stop`` it."""

    def __init__(
        self, sockets: Sequence[socket.socket], server: Server, log: Log, *, limit: int, tls: ssl.SSLContext | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = list(sockets)
        self._server = server
        self._log = log
        self._limit = limit
        self._tls = tls
        self._greeting: set[asyncio.Task[None]] = set()
        self._accepting = False
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Acceptor {self.connections} of {self._limit} connections>"

    @property
    def connections(self) -> int:
        """How many clients are connected, those in their TLS handshake included."""
        return self._server.connected + len(self._greeting)

    def start(self) -> None:
        """Accepts from now on."""
        for listening in self._sockets:
            listening.listen(BACKLOG)
            # What is accepted has these, too. A client whose machine is gone is noticed by the kernel, in hours.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if listening.family != socket.AF_UNIX:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT)
        self._server.on_disconnect = self._resume
        self._resume()

    def stop(self, *, take_waiting: bool) -> None:
        """Accepts no more and closes the sockets.

        ``take_waiting`` first takes what waits in the kernel's queue, which would be reset: right for sockets
        that nobody else holds.
        """
        if self._stopped:
            return
        self._pause()
        self._stopped = True
        for listening in self._sockets:
            while take_waiting and self._accept_one(listening):
                pass
            listening.close()

    def _resume(self) -> None:
        if self._accepting or self._stopped or self.connections >= self._limit:
            return
        self._accepting = True
        for listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            for listening in self._sockets:
                self._loop.remove_reader(listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BATCH):
            if not self._accept_one(listening):
                return

    def _accept_one(self, listening: socket.socket) -> bool:
        if self.connections >= self._limit:
            self._pause()
            self._log.seldom("as many connections as allowed; others wait", limit=self._limit)
            return False
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as problem:
            self._pause()
            self._log.seldom("cannot accept connections", problem=problem.strerror)
            self._loop.call_later(REST, self._resume)
            return False
        task = self._loop.create_task(self._greet(connection))
        self._greeting.add(task)
        task.add_done_callback(self._greeted)
        return True

    async def _greet(self, connection: socket.socket) -> None:
        handshake = HANDSHAKE_TIME if self._tls is not None else None
        try:
            await self._loop.connect_accepted_socket(
                self._server, connection, ssl=self._tls, ssl_handshake_timeout=handshake
            )
        except OSError as problem:
            self._log.debug("no connection came about", kind=type(problem).__name__)

    def _greeted(self, task: "asyncio.Task[None]") -> None:
        self._greeting.discard(task)
        self._resume()
