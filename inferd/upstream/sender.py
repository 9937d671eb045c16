"""Sends a request upstream: takes its place at the limit, keeps its time, tries again where that is right.

Elasticsearch's RetryingHttpSender. Two things differ: a ``Retry-After`` of the upstream is obeyed where it fits the
request's time, and every attempt takes a place at the limit, because the provider counts it.
"""

import asyncio
import time
from collections.abc import Mapping

import msgspec

from inferd.errors import Failure, StatusFailure
from inferd.ratelimit import QueueFull
from inferd.standing import Standings
from inferd.upstream.blocks import Blocks
from inferd.upstream.client import Client, Response, Trouble
from inferd.upstream.errand import Errand, Refusal
from inferd.upstream.retry import delay
from inferd.upstream.stream import Stream

# What is read of a refusal: error documents are short, and the rest would only be thrown away. Bytes, seconds.
MAX_REFUSAL = 64 * 1024
REFUSAL_TIME = 5.0

# Seconds a finished stream may take to end properly; beyond that a new connection is cheaper than the wait.
DRAIN_TIME = 0.5


class Answer(msgspec.Struct, frozen=True):
    """A whole answer of 2xx."""

    headers: Mapping[str, str]
    body: bytes


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
        response = await self._attempt(errand)
        if isinstance(response, Refusal):
            response = await self._again(errand, response)
        try:
            # Most answers have come with their heads.
            body = response.whole(self._max_response)
            if body is None:
                body = await self._body(response, errand)
        finally:
            response.close()
        self.standings.well(errand.call.endpoint.inference_id)
        return Answer(response.headers, body)

    def stream(self, errand: Errand) -> "Streaming":
        """Entering means the upstream said yes; leaving, however, means the connection is released."""
        return Streaming(self, errand)

    async def _open(self, errand: Errand) -> tuple[Response, Stream]:
        response = await self._attempt(errand)
        if isinstance(response, Refusal):
            response = await self._again(errand, response)
        self.standings.well(errand.call.inference_id)
        return response, Stream(response, errand, self.standings, self._idle)

    async def _again(self, errand: Errand, refusal: Refusal) -> Response:
        """The answer to a later attempt, the first having come to ``refusal``."""
        attempt = 1
        while True:
            pause = delay(attempt, refusal.failure.headers.get("Retry-After", ""))
            last = attempt == errand.attempts or not refusal.again
            if last or asyncio.get_running_loop().time() + pause >= errand.call.deadline.at:
                raise self._ill(errand, refusal.failure)
            await asyncio.sleep(pause)
            errand.call.trace.retries += 1
            attempt += 1
            response = await self._attempt(errand)
            if not isinstance(response, Refusal):
                return response
            refusal = response

    async def _attempt(self, errand: Errand) -> Response | Refusal:
        # Nearly always there is a place, and a deadline for the wait would cost more than all the rest of it.
        if not errand.limit.try_acquire():
            await self._place(errand)
        trace, began = errand.call.trace, time.monotonic()
        trace.attempts += 1
        try:
            response = await self.client.send(errand.request, errand.call.deadline.at)
        except Trouble as trouble:
            return Refusal(errand.unanswered(trouble), again=trouble.again)
        except TimeoutError:
            raise self._ill(errand, errand.timed_out()) from None
        finally:
            trace.upstream_time += time.monotonic() - began
        trace.upstream_status = response.status
        if 200 <= response.status < 300 and not _is_encoded(response):
            return response
        try:
            return await _refusal(errand, response)
        finally:
            response.close()

    async def _place(self, errand: Errand) -> None:
        trace, began = errand.call.trace, time.monotonic()
        try:
            async with asyncio.timeout_at(errand.call.deadline.at):
                await errand.limit.acquire()
        except QueueFull as full:
            raise StatusFailure(errand.reason(full.reason), full.status, headers=full.headers) from None
        except TimeoutError:
            raise errand.timed_out() from None
        finally:
            trace.queued += time.monotonic() - began

    async def _body(self, response: Response, errand: Errand) -> bytes:
        until = errand.call.deadline.at
        size, blocks = 0, Blocks()
        try:
            while part := await response.read(until):
                size += len(part)
                if size > self._max_response:
                    too_long = f"Maximum limit of [{self._max_response}] bytes reached"
                    raise self._ill(errand, errand.failed(too_long, 502))
                blocks.write(part)
        except Trouble as trouble:
            raise self._ill(errand, errand.failed(str(trouble), 502)) from None
        except TimeoutError:
            raise self._ill(errand, errand.timed_out()) from None
        return await blocks.whole()

    def _ill(self, errand: Errand, failure: Failure) -> Failure:
        """``failure``, noted as what befell the endpoint's upstream."""
        if not errand.call.is_trial:
            self.standings.ill(errand.call.inference_id, failure)
        return failure


class Streaming:
    """See ``Sender.stream``. As a generator it would be shorter, and take four times as long."""

    __slots__ = ("_errand", "_response", "_sender")

    def __init__(self, sender: Sender, errand: Errand) -> None:
        self._sender = sender
        self._errand = errand
        self._response: Response

    async def __aenter__(self) -> Stream:
        self._response, stream = await self._sender._open(self._errand)
        return stream

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.close(finished=kind is None)

    async def close(self, *, finished: bool) -> None:
        """Releases the connection; of an answer that has ``finished`` its end is read first, so it can be kept."""
        try:
            if finished:
                await _drain(self._response)
        finally:
            self._response.close()


async def _refusal(errand: Errand, response: Response) -> Refusal:
    if response.status < 300:
        return Refusal(errand.failed("the answer is encoded, though no encoding was accepted", 502), again=False)
    now = asyncio.get_running_loop().time()
    body = await _beginning(response, min(now + REFUSAL_TIME, errand.call.deadline.at))
    return errand.refusal(response.status, response.headers, body)


async def _beginning(response: Response, until: float) -> bytes:
    """What a refused request's answer begins with; one that breaks off or stalls has said enough by its status."""
    body = b""
    try:
        while len(body) < MAX_REFUSAL and (part := await response.read(until)):
            body += part
    except (Trouble, TimeoutError):
        pass
    return body


async def _drain(response: Response) -> None:
    """Reads what follows ``[DONE]``, commonly nothing but the last chunk's end: so the connection can be used again."""
    try:
        until = asyncio.get_running_loop().time() + DRAIN_TIME
        while await response.read(until):
            pass
    except (Trouble, TimeoutError):
        pass


def _is_encoded(response: Response) -> bool:
    coding = response.headers.get("Content-Encoding")
    return coding is not None and coding.lower() not in ("identity", "")
