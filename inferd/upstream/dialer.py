"""Makes connections: resolves, judges every address, tries them as RFC 8305 has it, and speaks TLS."""

import asyncio
import math
import socket
import ssl
from collections.abc import Callable
from itertools import zip_longest

from inferd.upstream.addresses import AddressPolicy, AddressRefused
from inferd.upstream.client import HostUnknown, Refused, Unreachable, Untrusted, words
from inferd.upstream.clock import Clock, Limit
from inferd.upstream.connection import Connection
from inferd.upstream.http1 import Origin
from inferd.upstream.names import Names

# How long the next address waits for the one before it (RFC 8305 section 5). Seconds.
NEXT_ADDRESS_AFTER = 0.25


class Dialer:
    """Connects within ``timeout`` seconds, resolving and TLS included, to what ``policy`` allows.

    Made inside the running loop. ``ca_file`` names certificates to trust instead of the system's; OSError if it cannot
    be used. ``clock`` ends its waits.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        timeout: float,
        ca_file: str = "",
        next_after: float = NEXT_ADDRESS_AFTER,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._policy = policy
        self._timeout = timeout
        self._next_after = next_after
        # Without a file to be checked the system's certificates can wait until they are needed, if ever.
        self._tls = _context(ca_file) if ca_file else None
        self._names = Names()
        self.pending = 0

    def close(self) -> None:
        """Gives up names that are still looked up."""
        self._names.close()

    async def dial(self, origin: Origin, make: Callable[[], Connection], until: float = math.inf) -> Connection:
        """What ``make`` makes, connected to ``origin``; TimeoutError if it is not by ``until``, by the loop's clock.

        HostUnknown, Refused, Untrusted or Unreachable say why there is no connection.
        """
        self.pending += 1
        end = asyncio.get_running_loop().time() + self._timeout
        hurried = until < end
        try:
            with Limit(self._clock, until if hurried else end) as limit:
                return await self._first(origin, await self._allowed(origin), make)
        except ssl.SSLCertVerificationError as problem:
            raise Untrusted(f"the upstream's certificate is not trusted: {words(problem)}") from None
        except OSError as problem:
            if not limit.expired:
                raise Unreachable(words(problem)) from None
            if hurried:
                raise
            raise Unreachable("no connection within [upstream] connect_timeout") from None
        finally:
            self.pending -= 1

    async def _allowed(self, origin: Origin) -> list[str]:
        """The addresses of the host that may be connected to: numeric, so that it is they that are connected to."""
        try:
            found = await self._names.addresses(origin.host)
        except (socket.gaierror, UnicodeError):
            raise HostUnknown from None
        allowed = []
        for address in found:
            try:
                self._policy.check(address, origin.port)
            except AddressRefused as refused:
                refusal = Refused(str(refused))
            else:
                allowed.append(address)
        if not allowed:
            raise refusal
        return allowed if len(allowed) == 1 else _interleaved(allowed)

    async def _first(self, origin: Origin, addresses: list[str], make: Callable[[], Connection]) -> Connection:
        """The first connection that comes about: an address is tried once the one before it failed or is slow.

        OSError, of the one that failed last, if none does.
        """
        if len(addresses) == 1:
            return await self._connected(origin, addresses[0], make)
        trying: set[asyncio.Task[Connection]] = set()
        try:
            for address in addresses:
                trying.add(asyncio.create_task(self._connected(origin, address, make)))
                patience = self._next_after if address != addresses[-1] else None
                while trying:
                    done, _ = await asyncio.wait(trying, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        trying.discard(task)
                        if (problem := task.exception()) is None:
                            return task.result()
                    if patience is not None:
                        break
            assert problem is not None
            raise problem
        finally:
            for task in trying:
                task.cancel()
                task.add_done_callback(_discard)

    async def _connected(self, origin: Origin, address: str, make: Callable[[], Connection]) -> Connection:
        # By its address and not by a socket of ours: uvloop closes the descriptor of such a socket behind its back if
        # the upstream leaves at once, and the socket would close whatever has that number next.
        connection = make()
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                address,
                origin.port,
                ssl=await self._context() if origin.tls else None,
                server_hostname=origin.host.rstrip(".") if origin.tls else None,
            )
        except BaseException:
            # uvloop closes what it has just connected for one who gives up, and does not tell the connection.
            connection.connection_lost(None)
            raise
        return connection

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # To read all that the system trusts takes 50 ms, which would be everybody's.
            self._tls = await asyncio.get_running_loop().run_in_executor(None, _context, "")
        return self._tls


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _interleaved(addresses: list[str]) -> list[str]:
    """The families in turn, beginning with the one the system prefers (RFC 8305 section 4)."""
    preferred = ":" in addresses[0]
    families = [[each for each in addresses if (":" in each) is family] for family in (preferred, not preferred)]
    return [address for pair in zip_longest(*families) for address in pair if address is not None]


def _discard(task: "asyncio.Task[Connection]") -> None:
    """Ends a connection that came about too late, and looks at the failure of one that did not."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()
