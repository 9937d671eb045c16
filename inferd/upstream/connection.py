"""One connection to an upstream: sends a request, hands over the answer as it comes, and is free for the next."""

import asyncio
import math
from typing import Protocol, cast

from inferd.upstream.client import Broken, Take, Trouble, Unreachable, words
from inferd.upstream.clock import Clock
from inferd.upstream.http1 import MAX_TAKEN, Answer, AnswerParser, NotHttp, Origin

_CLOSED = "the connection was closed before an answer came"


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def adopt(self, connection: "Connection") -> None:
        """It is there, and in use."""
        ...

    def free(self, connection: "Connection") -> None:
        """Its answer has come whole, and it can carry another request."""
        ...

    def end(self, connection: "Connection") -> None:
        """It can carry nothing more; the loop has yet to let go of it."""
        ...

    def forget(self, connection: "Connection") -> None:
        """It is no more."""
        ...


class Connection(asyncio.Protocol):
    """A connection to ``origin``; the loop calls its protocol half, ``exchange`` is for one caller at a time.

    Beyond ``max_unread`` bytes of a body that nobody has read yet the upstream has to wait; one read of the loop
    (uvloop: 256 KiB) may come on top. ``clock`` ends its waits, see Waiting.
    """

    def __init__(self, origin: Origin, owner: Owner, max_unread: int, clock: Clock | None = None) -> None:
        self.origin = origin
        self.until = math.inf
        self._owner = owner
        self._max_unread = max_unread
        self._clock = clock or Clock()
        self._loop = asyncio.get_running_loop()
        self._parser = AnswerParser()
        self.transport: asyncio.Transport
        # The answer that is coming; None while idle.
        self._answer: ConnectionResponse | None = None
        self._waiter: asyncio.Future[None] | None = None
        # True while the upstream has to wait for whoever reads.
        self.paused = False

    @property
    def usable(self) -> bool:
        """False once it is closed or about to be."""
        return not self.transport.is_closing()

    async def exchange(self, request: bytes, until: float | None = None) -> "ConnectionResponse":
        """Sends ``request``; the answer, once its head is here.

        Unreachable if the connection is lost before a byte of it came, Broken for a head that is none, TimeoutError if
        it is not here by ``until``. The connection is closed unless this returns.
        """
        if self.transport.is_closing():
            raise Unreachable(_CLOSED)
        answer = self._answer = ConnectionResponse(self)
        self._parser.expect(answer)
        try:
            self.transport.write(request)
            while not answer.status:
                await self.news(answer, until)
        except BaseException:
            self.abort()
            answer.trouble = None  # As in ``close`` of the response.
            raise
        return answer

    def news(self, answer: "ConnectionResponse", until: float | None = None) -> asyncio.Future[None]:
        """Done when more of ``answer``, which must not be complete, may have come; raises what has ended it.

        A body that has a ``taker`` is handed to it as it comes, and this is done when all has come or it takes no more.
        TimeoutError when nothing has come by ``until``, or the taker has heard nothing for the ``silence`` it allows.
        """
        if answer.trouble is not None:
            raise answer.trouble
        if self.paused:
            self.paused = False
            self.transport.resume_reading()
        waiter = self._waiter = self._loop.create_future()
        self.until = math.inf if until is None else until
        self._clock.watch(self)
        return waiter

    def expire(self) -> None:
        """See Waiting."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(TimeoutError())

    def abort(self) -> None:
        """Closes the connection at once, whatever is still unsent."""
        self._owner.end(self)
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self.transport = cast(asyncio.Transport, transport)
        self._owner.adopt(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        answer = self._answer
        if answer is None:
            # An answer to nothing: whatever comes next could be taken for an answer to another's request.
            self.abort()
            return
        try:
            self._parser.feed(data)
        except NotHttp as problem:
            what = "broke off" if answer.status else "is not valid HTTP"
            self._end(answer, Broken(f"the answer {what}: {problem}"))
            return
        take, body = answer.taker, answer.body
        if take is not None and len(body) <= MAX_TAKEN:
            answer.body = b""
            heard = take(body) if body else False
            if heard:
                self.until = self._loop.time() + answer.silence
            if heard is not None and not answer.complete:
                return
            answer.taker = take if heard is not None else None
        self._tell(answer)

    def _tell(self, answer: "ConnectionResponse") -> None:
        """Wakes who waits for what came; what is too much makes the upstream wait."""
        if answer.complete:
            self._finish(answer)
        elif len(answer.body) > self._max_unread and not self.paused:
            self.paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Called by the loop. Nothing more can come, so what is still to be sent has lost its purpose."""
        self._lose(None)
        self.abort()

    def connection_lost(self, problem: Exception | None) -> None:
        """Called by the loop."""
        self._lose(problem)
        self._parser.close()
        self._owner.forget(self)

    def _lose(self, problem: Exception | None) -> None:
        answer = self._answer
        if answer is None:
            return
        if problem is None:
            self._parser.end()
        if answer.complete:
            self._answer = None
            self._wake()
        elif self._parser.begun:
            self._end(answer, Broken("the answer broke off"))
        else:
            self._end(answer, Unreachable(words(problem) if problem is not None else _CLOSED))

    def _end(self, answer: "ConnectionResponse", trouble: Trouble) -> None:
        answer.trouble = trouble
        self._answer = None
        self.abort()
        self._wake()

    def _finish(self, answer: "ConnectionResponse") -> None:
        """Free for the next request, though nobody may have read this answer yet: it needs the connection no more."""
        self._answer = None
        transport = self.transport
        # An upstream that answers before it has the whole request would take the rest of it for another one.
        if not answer.reusable or transport.get_write_buffer_size() or transport.is_closing():
            self.abort()
            return
        self._owner.free(self)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is None:
            return
        # Now, because whoever waits may find the connection in use for another request when its turn comes.
        self._waiter = None
        self._clock.forget(self)
        if not waiter.done():
            waiter.set_result(None)


class ConnectionResponse(Answer):
    """See Response. It holds its connection only until the answer is complete.

    ``taker`` takes the body as it comes; None while it waits to be read. ``silence`` is what it allows, in seconds.
    """

    __slots__ = ("_connection", "silence", "taker")

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.taker: Take | None = None
        self.silence = 0.0
        self._connection = connection

    async def read(self, until: float | None = None) -> bytes:
        """See Response."""
        while not self.body:
            if self.complete:
                return b""
            await self._connection.news(self, until)
        if len(self.body) > MAX_TAKEN:
            await asyncio.sleep(0)  # More than one turn's work is here: others have theirs in between.
        return self.take()

    def whole(self, most: int) -> bytes | None:
        """See Response."""
        body = self.body
        if not self.complete or len(body) > most:
            return None
        self.body = b""
        return body

    async def push(self, take: Take, silence: float) -> bool:
        """See Response."""
        connection, loop = self._connection, asyncio.get_running_loop()
        self.silence, until = silence, loop.time() + silence
        try:
            while self.body or not self.complete:
                if self.body:
                    heard = take(self.take())
                    if heard is None:
                        return False
                    if heard:
                        until = loop.time() + silence
                    if self.body:
                        await asyncio.sleep(0)  # As in ``read``.
                else:
                    self.taker = take
                    await connection.news(self, until)
                    if self.taker is None:
                        return False
                    self.taker, until = None, connection.until
            return True
        finally:
            self.taker = None

    def close(self) -> None:
        """See Response."""
        if not self.complete:
            self._connection.abort()
        # A connection that is kept holds its last answer until the next.
        self.body = b""
        # Trouble that was raised holds the answer in turn, until the collector comes by.
        self.trouble = None
