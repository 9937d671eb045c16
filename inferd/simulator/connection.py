"""One connection: requests in, answers out, until either side has had enough."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b

from inferd.simulator import routes
from inferd.simulator.answers import Answer, Manner, refusal
from inferd.simulator.delivery import ClientLeft, Interrupted, send, while_there
from inferd.simulator.http1 import Incoming, Limits, Malformed, Request, read_request

_AT_ONCE = Manner()


@dataclass
class Counters:
    """What a simulator counts; ``requests`` and ``left_streams`` since its start, the others now.

    ``left_streams`` are streams whose client left before their end.
    """

    requests: int = 0
    open_connections: int = 0
    open_streams: int = 0
    left_streams: int = 0


class Connection:
    """Serves one client; ``pace`` is in seconds between two events of a stream."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        state: routes.State,
        counters: Counters,
        limits: Limits,
        pace: float,
    ) -> None:
        self._incoming = Incoming(reader)
        self._writer = writer
        self._state = state
        self._counters = counters
        self._limits = limits
        self._pace = pace
        # Each drain then waits until the system has everything: nothing is lost at a close, nothing piles up.
        writer.transport.set_write_buffer_limits(0)

    async def run(self) -> None:
        """Serves requests until the connection ends; leaves it closed, also when cancelled."""
        self._counters.open_connections += 1
        try:
            with suppress(ConnectionError, ClientLeft, Interrupted):
                while await self._serve_one():
                    pass
            self._writer.close()
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(self._limits.linger):
                    await self._writer.wait_closed()
        finally:
            self._writer.transport.abort()
            self._counters.open_connections -= 1

    async def _serve_one(self) -> bool:
        """One request and its answer; False if there will be no other."""
        try:
            request = await read_request(self._incoming, self._writer, self._limits)
        except Malformed as problem:
            await self._turn_away(refusal(problem.status, problem.reason))
            return False
        if request is None:
            return False
        self._counters.requests += 1
        answer = await routes.answer(request, self._state)
        head = answer.head(_request_id(request), request.keep_alive)
        if request.method == "HEAD":
            answer = replace(answer, body=b"")
        await self._send(answer, head)
        return request.keep_alive

    async def _send(self, answer: Answer, head: bytes) -> None:
        if answer.events is None and answer.manner == _AT_ONCE:
            await send(answer, head, self._writer, self._pace)
        elif answer.events is None:
            async with while_there(self._incoming):
                await send(answer, head, self._writer, self._pace)
        else:
            await self._stream(answer, head)

    async def _stream(self, answer: Answer, head: bytes) -> None:
        self._counters.open_streams += 1
        try:
            async with while_there(self._incoming):
                await send(answer, head, self._writer, self._pace)
        except (ClientLeft, ConnectionError):
            self._counters.left_streams += 1
            raise
        finally:
            self._counters.open_streams -= 1

    async def _turn_away(self, answer: Answer) -> None:
        """Answers bytes that are no request, then reads on for a while.

        Closing while unread bytes wait would reset the connection, and the client might never see the answer.
        """
        await send(answer, answer.head("req_malformed", keep_alive=False), self._writer, self._pace)
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger):
                while await self._incoming.more():
                    self._incoming.forget()


def _request_id(request: Request) -> str:
    digest = blake2b(f"{request.method} {request.path}\n".encode() + request.body, digest_size=16)
    return f"req_{digest.hexdigest()}"
