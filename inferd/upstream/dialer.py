"""Makes connections: resolves, judges every address, tries them as RFC 8305 has it, and speaks TLS."""

import asyncio
import socket
import ssl

from aiohappyeyeballs import AddrInfoType, start_connection

from inferd.upstream.addresses import AddressPolicy, AddressRefused
from inferd.upstream.client import HostUnknown, Refused, Unreachable, words
from inferd.upstream.connection import Connection, Owner
from inferd.upstream.http1 import Origin

# How long the next address waits for the one before it (RFC 8305 section 5).
NEXT_ADDRESS_AFTER = 0.25


class Dialer:
    """Connects within ``timeout`` seconds, resolving and TLS included, to what ``policy`` allows.

    ``ca_file`` names certificates to trust instead of the system's; OSError if it cannot be used.
    """

    def __init__(self, policy: AddressPolicy, *, timeout: float, ca_file: str = "") -> None:
        self._policy = policy
        self._timeout = timeout
        self._ca_file = ca_file
        # Without a file to be checked the system's certificates can wait until they are needed, if ever.
        self._tls = _context(ca_file) if ca_file else None
        self.pending = 0

    async def dial(self, origin: Origin, owner: Owner) -> Connection:
        """A new connection to ``origin``; HostUnknown, Refused or Unreachable say why there is none."""
        self.pending += 1
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await self._connected(origin, await self._allowed(origin), owner)
        except ssl.SSLCertVerificationError as problem:
            raise Refused(f"the upstream's certificate is not trusted: {words(problem)}") from None
        except OSError as problem:
            told = "no connection within [upstream] connect_timeout" if limit.expired() else words(problem)
            raise Unreachable(told) from None
        finally:
            self.pending -= 1

    async def _allowed(self, origin: Origin) -> list[AddrInfoType]:
        """The addresses of the host that may be connected to: numeric, so that it is they that are connected to."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise HostUnknown from None
        allowed: list[AddrInfoType] = []
        for info in found:
            try:
                self._policy.check(str(info[4][0]), origin.port)
            except AddressRefused as refused:
                refusal = Refused(str(refused))
            else:
                allowed.append(info)
        if not allowed:
            raise refusal
        return allowed

    async def _connected(self, origin: Origin, addresses: list[AddrInfoType], owner: Owner) -> Connection:
        connected = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_AFTER)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(origin, owner),
            sock=connected,
            ssl=self._context() if origin.tls else None,
            server_hostname=origin.host.rstrip(".") if origin.tls else None,
        )
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = _context("")
        return self._tls


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
