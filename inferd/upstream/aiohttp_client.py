"""The upstream client on aiohttp: the reference every other one is measured by."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.resolver import ThreadedResolver

from inferd.upstream.addresses import AddressPolicy, AddressRefused
from inferd.upstream.client import Broken, HostUnknown, Refused, Request, Response, Trouble, Unreachable, words

# How long an idle connection is kept. Most providers close theirs after 60 s or more.
_KEEPALIVE = 55.0


class AiohttpResponse:
    """An answer in aiohttp's hands."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """See Response."""
        try:
            return await self._response.content.readany()
        except aiohttp.ClientError as problem:
            raise Broken(f"the answer broke off: {words(problem)}") from None

    def close(self) -> None:
        """See Response."""
        self._response.close()


class AiohttpClient:
    """One pooled session; created inside the running loop.

    ``connect_timeout`` in seconds is for a connection, TLS included; ``ca_file`` names certificates to trust instead
    of the system's.
    """

    def __init__(self, policy: AddressPolicy, *, connect_timeout: float, ca_file: str = "") -> None:
        self._policy = policy
        self._leased = 0
        tls = ssl.create_default_context(cafile=ca_file or None)
        self._connector = aiohttp.TCPConnector(
            limit=0,
            ssl=tls,
            keepalive_timeout=_KEEPALIVE,
            # Named, because aiohttp would take c-ares as soon as it is installed, which ignores nsswitch.
            resolver=ThreadedResolver(),
            use_dns_cache=False,
            socket_factory=self._socket,
        )
        trace: aiohttp.TraceConfig = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The whole is bounded by the caller; here only the connection is.
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
        )

    async def send(self, request: Request) -> Response:
        """See Client."""
        while True:
            connection = SimpleNamespace(reused=False)
            try:
                response = await self._session.post(
                    request.url,
                    data=request.body,
                    headers=request.headers,
                    allow_redirects=False,
                    trace_request_ctx=connection,
                )
            except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
                # A pooled connection the peer had closed: nothing was answered, and the next one may be dead as well.
                if connection.reused and _is_lost(problem):
                    continue
                raise _trouble(problem) from None
            return AiohttpResponse(response)

    async def close(self) -> None:
        """See Client."""
        await self._session.close()

    def stats(self) -> dict[str, int]:
        """See Client."""
        leased = len(self._connector._acquired)
        available = sum(map(len, self._connector._conns.values()))
        return {"leased": leased, "available": available, "pending": 0}

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        self._policy.check(str(address[0]), int(address[1]))
        return socket.socket(family, kind, protocol)


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.reused = True


def _is_lost(problem: Exception) -> bool:
    return isinstance(problem, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)) and not isinstance(
        problem, aiohttp.ClientConnectorError
    )


def _trouble(problem: Exception) -> Trouble:
    match problem:
        case aiohttp.ClientConnectorDNSError():
            return HostUnknown()
        case aiohttp.ClientConnectorError() if isinstance(problem.os_error, AddressRefused):
            return Refused(str(problem.os_error))
        case aiohttp.ClientConnectorCertificateError():
            return Refused(f"the upstream's certificate is not trusted: {words(problem.certificate_error)}")
        case aiohttp.ClientConnectorError() | aiohttp.ClientOSError():
            return Unreachable(words(problem.__cause__ or problem))
        case asyncio.TimeoutError():
            return Unreachable("no connection within [upstream] connect_timeout")
        case aiohttp.ServerDisconnectedError():
            return Unreachable("the connection was closed before an answer came")
        case _:
            return Broken(f"the answer is not valid HTTP: {words(problem)}")
