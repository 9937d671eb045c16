"""The upstream client on aiohttp: the reference every other one is measured by."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache, partial
from io import BytesIO
from typing import cast

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from inferd.upstream.addresses import AddressPolicy, AddressRefused, BadUrl
from inferd.upstream.aiohttp_protocol import ClientProtocol, ClientResponse, StaleConnection, abort
from inferd.upstream.client import (
    Broken,
    HostUnknown,
    Refused,
    Request,
    Response,
    Take,
    Trouble,
    Unreachable,
    Untrusted,
    pushed,
    words,
)

# How long an idle connection is kept, in seconds. Most providers close theirs after 60 s or more.
_KEEPALIVE = 55.0

# How long a name's addresses are remembered, in seconds: a burst of requests asks once, and a name server that hangs
# holds one thread a name. Every address is judged when it is connected to all the same.
_NAMES_KEPT = 10

# Bytes a read hands over at most, so that no stream keeps the loop from the others for long.
_READ_SIZE = 64 * 1024

# Bytes of a request's body beyond which it is sent piece by piece; aiohttp warns of longer ones at a stroke.
_LONG_BODY = 1024 * 1024

# aiohttp stops an upstream at twice its buffer's size; as much again is on its way to the client.
_BUFFERS_IN_A_STREAM = 4


class AiohttpResponse:
    """An answer in aiohttp's hands; ``read_size`` in bytes."""

    def __init__(self, response: aiohttp.ClientResponse, read_size: int) -> None:
        self._response = response
        self._read_size = read_size
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self, until: float | None = None) -> bytes:
        """See Response."""
        async with asyncio.timeout_at(until):
            return await self._read()

    def whole(self, most: int) -> bytes | None:
        """See Response."""
        return None

    async def push(self, take: Take, silence: float) -> bool:
        """See Response."""
        return await pushed(self, take, silence)

    async def _read(self) -> bytes:
        content = self._response.content
        # aiohttp would forget what has come before a failure and was not read yet.
        if content.exception() is not None and content._buffer:
            return content._read_nowait(self._read_size)
        try:
            return await content.read(self._read_size)
        except aiohttp.ClientError as problem:
            raise Broken(f"the answer broke off: {_kind(problem)}") from None

    def close(self) -> None:
        """See Response."""
        connection = self._response.connection
        if connection is not None:
            abort(connection.transport)
        self._response.close()


class AiohttpClient:
    """A session of pooled connections, and one whose connections are always new; created inside the running loop.

    ``connect_timeout`` in seconds is for a connection, TLS included; ``ca_file`` names certificates to trust instead
    of the system's; ``stream_buffer`` bounds the bytes held for a stream that is read slowly.
    """

    def __init__(
        self, policy: AddressPolicy, *, connect_timeout: float, ca_file: str = "", stream_buffer: int = 1024 * 1024
    ) -> None:
        self._policy = policy
        self._connect_timeout = connect_timeout
        self._buffer_size = max(1, stream_buffer // _BUFFERS_IN_A_STREAM)
        self._tls = ssl.create_default_context(cafile=ca_file or None)
        self._target = lru_cache(maxsize=1024)(self._judged)
        self._pooled = self._session(always_new=False)
        self._single = self._session(always_new=True)

    async def send(self, request: Request, until: float | None = None) -> Response:
        """See Client."""
        async with asyncio.timeout_at(until):
            return await self._answer(request)

    async def _answer(self, request: Request) -> Response:
        try:
            try:
                response = await self._post(self._pooled, request)
            except StaleConnection:
                # The others in the pool may be as dead, and each try might reach the upstream after all: one try only.
                response = await self._post(self._single, request)
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise _trouble(problem) from None
        return AiohttpResponse(response, min(self._buffer_size, _READ_SIZE))

    async def close(self) -> None:
        """See Client."""
        await self._pooled.close()
        await self._single.close()

    def stats(self) -> dict[str, int]:
        """See Client."""
        connectors = [cast(aiohttp.TCPConnector, session.connector) for session in (self._pooled, self._single)]
        leased = sum(len(connector._acquired) for connector in connectors)
        available = sum(len(idle) for connector in connectors for idle in connector._conns.values())
        return {"leased": leased, "available": available, "pending": 0}

    def _session(self, *, always_new: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,
            ssl=self._tls,
            force_close=always_new,
            keepalive_timeout=None if always_new else _KEEPALIVE,
            # Named, because aiohttp would take c-ares as soon as it is installed, which ignores nsswitch.
            resolver=_Resolver(self._policy),
            ttl_dns_cache=_NAMES_KEPT,
            socket_factory=self._socket,
        )
        connector._factory = cast("partial[ResponseHandler]", partial(ClientProtocol, asyncio.get_running_loop()))
        return aiohttp.ClientSession(
            connector=connector,
            response_class=ClientResponse,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The whole is bounded by the caller; here only the connection is.
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_timeout),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=self._buffer_size,
        )

    async def _post(self, session: aiohttp.ClientSession, request: Request) -> aiohttp.ClientResponse:
        body = request.body if len(request.body) <= _LONG_BODY else BytesIO(request.body)
        return await session.post(
            self._target(request.url), data=body, headers=request.headers, allow_redirects=False
        )

    def _judged(self, url: str) -> URL:
        self._policy.check_url(url)
        return URL(url, encoded=True)

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        self._policy.check(str(address[0]), int(address[1]))
        return socket.socket(family, kind, protocol)


class _Resolver(ThreadedResolver):
    """The system's, without the addresses that would be refused: only then do the others of the name get their turn."""

    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__()
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """AddressRefused if there are addresses, but no allowed one."""
        allowed = []
        for found in await super().resolve(host, port, family):
            try:
                self._policy.check(found["host"], port)
            except AddressRefused:
                continue
            allowed.append(found)
        if not allowed:
            raise AddressRefused
        return allowed


def _trouble(problem: Exception) -> Trouble:
    match problem:
        case BadUrl():
            return Refused(str(problem))
        case aiohttp.ClientConnectorError() if isinstance(problem.os_error, AddressRefused):
            return Refused(str(problem.os_error))
        case aiohttp.ClientConnectorDNSError() | UnicodeError():
            return HostUnknown()
        case aiohttp.ClientConnectorCertificateError():
            return Untrusted(f"the upstream's certificate is not trusted: {words(problem.certificate_error)}")
        case asyncio.TimeoutError():
            return Unreachable("no connection within [upstream] connect_timeout")
        case aiohttp.ServerDisconnectedError():
            return Unreachable("the connection was closed before an answer came")
        case aiohttp.ClientPayloadError():
            return Broken("the answer broke off")
        case aiohttp.ClientConnectionError():
            return Unreachable(words(problem.__cause__ or problem))
        case ValueError():
            return Refused("a header cannot be sent")
        case _:
            return Broken(f"the answer is not valid HTTP: {_kind(problem)}")


def _kind(problem: BaseException) -> str:
    """What the failure at the root of ``problem`` is called, never what it says: that may be what was sent."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    return words(problem)
