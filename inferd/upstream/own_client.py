"""The upstream client of inferd's own: HTTP/1.1 on the loop's transports, several times cheaper than a general one."""

from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.client import Broken, Request, Response, Unreachable
from inferd.upstream.dialer import Dialer
from inferd.upstream.http1 import Unsendable, rendered
from inferd.upstream.pool import Pool


class OwnClient:
    """See Client; created inside the running loop.

    ``connect_timeout`` in seconds is for a connection, TLS included; ``ca_file`` names certificates to trust instead
    of the system's.
    """

    def __init__(self, policy: AddressPolicy, *, connect_timeout: float, ca_file: str = "") -> None:
        self._pool = Pool()
        self._dialer = Dialer(policy, timeout=connect_timeout, ca_file=ca_file)

    async def send(self, request: Request) -> Response:
        """See Client."""
        try:
            origin, message = rendered(request)
        except Unsendable as problem:
            raise Broken(f"the request cannot be sent: {problem}") from None
        pooled = self._pool.take(origin)
        if pooled is not None:
            try:
                return await pooled.exchange(message)
            except Unreachable:
                # The upstream had closed it, and not a byte was answered. Others in the pool may be as dead.
                if self._pool.closed:
                    raise
        connection = await self._dialer.dial(origin, self._pool)
        return await connection.exchange(message)

    async def close(self) -> None:
        """See Client."""
        await self._pool.close()

    def stats(self) -> dict[str, int]:
        """See Client."""
        return {"leased": self._pool.leased, "available": self._pool.available, "pending": self._dialer.pending}
