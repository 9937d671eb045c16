"""Sends a request upstream: takes its place at the limit, keeps its time, tries again where that is right.

Elasticsearch's RetryingHttpSender and RetrySettings: at most three attempts, a random delay of half to the whole of a
bound that starts at 1 s and doubles up to 5 s. Two things differ: a ``Retry-After`` of the upstream is obeyed, and
every attempt takes a place at the limit, because the provider counts it.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from inferd.errors import Failure, StatusFailure, UpstreamUnreachable
from inferd.ratelimit import QueueFull, RateLimit
from inferd.schema.inference import Call
from inferd.standing import Standings
from inferd.upstream.client import Broken, Client, HostUnknown, Refused, Request, Response, Trouble, Unreachable

ATTEMPTS = 3
FIRST_DELAY = 1.0
LONGEST_DELAY = 5.0

# What is read of a refusal: error documents are short, and the rest would only be thrown away.
MAX_REFUSAL = 64 * 1024
REFUSAL_TIME = 5.0

# How long a finished stream may take to end properly; beyond that a new connection is cheaper than the wait.
DRAIN_TIME = 0.5


class Answer(msgspec.Struct, frozen=True):
    """A whole answer of 2xx."""

    headers: Mapping[str, str]
    body: bytes


class Refusal(msgspec.Struct, frozen=True):
    """What a service makes of an answer other than 2xx; ``again`` when the same request may succeed later."""

    failure: Failure
    again: bool


class Errand(msgspec.Struct, frozen=True):
    """One request to be sent, and all it takes.

    ``what`` names it in failures ("OpenAI embeddings"); ``refusal`` turns status, headers and the beginning of the
    body of a refused request into words.
    """

    call: Call
    limit: RateLimit
    request: Request
    what: str
    refusal: Callable[[int, Mapping[str, str], bytes], Refusal]
    attempts: int = ATTEMPTS


class Stream:
    """The body of an accepted answer, read as it comes; ``Sender.stream`` makes and closes it."""

    def __init__(self, response: Response, errand: Errand, idle: float) -> None:
        self._response = response
        self._errand = errand
        self._idle = idle
        self._begun = False

    async def read(self) -> bytes:
        """Some more of the body, empty at its end.

        The first read ends at the request's deadline with RequestTimedOut; later ones bear a silence of the idle
        timeout, then raise a StatusFailure 504. A body that breaks off is a StatusFailure 502.
        """
        call = self._errand.call
        until = asyncio.get_running_loop().time() + self._idle if self._begun else call.deadline.at
        try:
            async with asyncio.timeout_at(until):
                data = await self._response.read()
        except TimeoutError:
            if not self._begun:
                raise call.deadline.failure(call.inference_id) from None
            raise _failure(self._errand, f"the upstream was silent for {self._idle:g} seconds", 504) from None
        except Trouble as trouble:
            raise _failure(self._errand, str(trouble), 502) from None
        self._begun = True
        return data


class Sender:
    """Sends errands through ``client``. Times in seconds, ``max_response`` in bytes."""

    def __init__(
        self, client: Client, standings: Standings, *, stream_idle_timeout: float, max_response: int
    ) -> None:
        self.client = client
        self.standings = standings
        self._idle = stream_idle_timeout
        self._max_response = max_response

    async def answer(self, errand: Errand) -> Answer:
        """The whole answer, if it is 2xx; else the errand's refusal, a RequestTimedOut or a StatusFailure."""
        call = errand.call
        try:
            async with asyncio.timeout_at(call.deadline.at):
                response = await self._accepted(errand)
                try:
                    answer = Answer(response.headers, await self._body(response, errand))
                finally:
                    response.close()
        except TimeoutError:
            raise call.deadline.failure(call.inference_id) from None
        self.standings.well(call.inference_id)
        return answer

    @asynccontextmanager
    async def stream(self, errand: Errand) -> AsyncIterator[Stream]:
        """Entering means the upstream said yes; leaving, however, means the connection is released."""
        call = errand.call
        try:
            async with asyncio.timeout_at(call.deadline.at):
                response = await self._accepted(errand)
        except TimeoutError:
            raise call.deadline.failure(call.inference_id) from None
        self.standings.well(call.inference_id)
        try:
            yield Stream(response, errand, self._idle)
            await _drain(response)
        finally:
            response.close()

    async def _accepted(self, errand: Errand) -> Response:
        for attempt in range(1, errand.attempts + 1):
            refusal = await self._attempt(errand)
            if not isinstance(refusal, Refusal):
                return refusal
            delay = _delay(attempt, refusal.failure)
            last = attempt == errand.attempts or not refusal.again
            if last or asyncio.get_running_loop().time() + delay >= errand.call.deadline.at:
                self.standings.ill(errand.call.inference_id, refusal.failure)
                raise refusal.failure
            await asyncio.sleep(delay)
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    async def _attempt(self, errand: Errand) -> Response | Refusal:
        trace, clock = errand.call.trace, time.monotonic
        queued = clock()
        try:
            await errand.limit.acquire()
        except QueueFull as full:
            raise StatusFailure(_reason(errand, full.reason), full.status, headers=full.headers) from None
        sent = clock()
        trace.queued += sent - queued
        trace.attempts += 1
        try:
            response = await self.client.send(errand.request)
        except Trouble as trouble:
            return Refusal(_told(errand, trouble), again=trouble.again)
        finally:
            trace.upstream_time += clock() - sent
        trace.upstream_status = response.status
        if 200 <= response.status < 300:
            return response
        try:
            return errand.refusal(response.status, response.headers, await _beginning(response))
        finally:
            response.close()

    async def _body(self, response: Response, errand: Errand) -> bytes:
        parts, size = [], 0
        try:
            while part := await response.read():
                parts.append(part)
                size += len(part)
                if size > self._max_response:
                    raise _failure(errand, f"Maximum limit of [{self._max_response}] bytes reached", 502)
        except Broken as trouble:
            raise _failure(errand, str(trouble), 502) from None
        return b"".join(parts)


async def _beginning(response: Response) -> bytes:
    """What a refused request's answer begins with; one that breaks off or stalls has said enough by its status."""
    body = b""
    try:
        async with asyncio.timeout(REFUSAL_TIME):
            while len(body) < MAX_REFUSAL and (part := await response.read()):
                body += part
    except (Trouble, TimeoutError):
        pass
    return body


async def _drain(response: Response) -> None:
    """Reads what follows ``[DONE]``, commonly nothing but the last chunk's end: so the connection can be used again."""
    try:
        async with asyncio.timeout(DRAIN_TIME):
            while await response.read():
                pass
    except (Trouble, TimeoutError):
        pass


def _delay(attempt: int, failure: Failure) -> float:
    wanted = failure.headers.get("Retry-After", "")
    if wanted.isdecimal():
        return float(wanted[:9])
    bound: float = min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)
    return random.uniform(bound / 2, bound)


def _told(errand: Errand, trouble: Trouble) -> Failure:
    if isinstance(trouble, HostUnknown):
        return UpstreamUnreachable(f"Invalid host [{errand.request.url}], please check that the URL is correct.", 400)
    if isinstance(trouble, Unreachable):
        return UpstreamUnreachable(_reason(errand, str(trouble)), 502)
    return _failure(errand, str(trouble), 400 if isinstance(trouble, Refused) else 502)


def _failure(errand: Errand, cause: str, status: int) -> StatusFailure:
    return StatusFailure(_reason(errand, cause), status)


def _reason(errand: Errand, cause: str) -> str:
    return f"Failed to send {errand.what} request. Cause: {cause}"
