"""The upstream client of inferd's own: HTTP/1.1 on the loop's transports, several times cheaper than a general one."""

import math

from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.client import Refused, Request, Response, Unreachable
from inferd.upstream.clock import Clock
from inferd.upstream.connection import Connection
from inferd.upstream.dialer import Dialer
from inferd.upstream.http1 import Origin, Unsendable, rendered
from inferd.upstream.pool import Pool

# What an upstream may be ahead of its reader, at the most. More would only be memory.
MAX_UNREAD = 128 * 1024

# As much as waits here may be on its way through the service, to the client and in the client's transport.
_BUFFERS_IN_A_STREAM = 4


class OwnClient:
    """See Client; created inside the running loop.

    ``connect_timeout`` in seconds is for a connection, TLS included; ``ca_file`` names certificates to trust instead
    of the system's; ``stream_buffer`` bounds the bytes held for a stream that is read slowly.
    """

    def __init__(
        self, policy: AddressPolicy, *, connect_timeout: float, ca_file: str = "", stream_buffer: int = 1024 * 1024
    ) -> None:
        self._max_unread = min(MAX_UNREAD, stream_buffer // _BUFFERS_IN_A_STREAM)
        self._pool = Pool()
        self._clock = Clock()
        self._dialer = Dialer(policy, timeout=connect_timeout, ca_file=ca_file, clock=self._clock)

    async def send(self, request: Request, until: float | None = None) -> Response:
        """See Client."""
        try:
            origin, message = rendered(request)
        except Unsendable as problem:
            raise Refused(str(problem)) from None
        pooled = self._pool.take(origin)
        if pooled is not None:
            try:
                return await pooled.exchange(message, until)
            except Unreachable:
                # The upstream had closed it, and not a byte was answered. Others in the pool may be as dead.
                if self._pool.closed:
                    raise
        connection = await self._dialer.dial(origin, lambda: self._made(origin), math.inf if until is None else until)
        return await connection.exchange(message, until)

    async def close(self) -> None:
        """See Client."""
        self._dialer.close()
        await self._pool.close()
        self._clock.close()

    def stats(self) -> dict[str, int]:
        """See Client."""
        return {"leased": self._pool.leased, "available": self._pool.available, "pending": self._dialer.pending}

    def _made(self, origin: Origin) -> Connection:
        return Connection(origin, self._pool, self._max_unread, self._clock)
