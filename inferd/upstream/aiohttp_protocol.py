"""What aiohttp's connections have to know and do besides: whose answer this is, how far it came, and to end at once."""

import asyncio
from typing import cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection


class StaleConnection(aiohttp.ClientError):
    """A pooled connection was lost before a byte of an answer came."""


class OtherProtocol(aiohttp.ClientError):
    """The upstream goes on in another protocol (101), which nobody asked for."""


class ClientProtocol(ResponseHandler):
    """A connection that knows whether it is asked anything, and whether an answer has begun.

    ``requests`` counts those it carried, ``answering`` is True once a byte came after the last one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.requests = 0
        self.answering = False
        self._body: aiohttp.StreamReader | None = None
        self._asked = False

    def asked(self) -> None:
        """A request is on its way."""
        self.requests += 1
        self.answering = False
        self._body = None
        self._asked = True

    def answered(self, body: aiohttp.StreamReader) -> None:
        """The head of the answer has come."""
        self._body = body
        body.on_eof(self._complete)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.answering = True
        unasked = bool(data) and not self._asked
        super().data_received(data)
        # An answer to nothing would be taken for the answer to the next request.
        if unasked or (self._buffer and not self._asked):
            abort(self.transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        # aiohttp leaves the reader waiting for ever where the body cannot be parsed any further.
        body = self._body
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError())

    def _complete(self) -> None:
        self._asked = False


class ClientResponse(aiohttp.ClientResponse):
    """An answer that tells how far it came, and leaves no connection behind when it comes to nothing."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """See aiohttp.ClientResponse.

        StaleConnection where a pooled connection failed without a byte of an answer, ClientPayloadError where a head
        broke off.
        """
        protocol = cast(ClientProtocol, connection.protocol)
        protocol.asked()
        try:
            await super().start(connection)
            if self.status == 101:
                raise OtherProtocol
        except BaseException as problem:
            abort(connection.transport)
            if not isinstance(problem, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                raise
            if protocol.answering:
                raise aiohttp.ClientPayloadError from problem
            if protocol.requests > 1:
                raise StaleConnection from problem
            raise
        protocol.answered(self.content)
        return self


def abort(transport: asyncio.Transport | None) -> None:
    """Ends a connection now: closed politely it would wait for an upstream that may never take what is unsent."""
    if transport is not None:
        transport.abort()
