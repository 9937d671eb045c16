"""A body that is read as it comes, with an end to every silence."""

import asyncio

from inferd.errors import Failure
from inferd.standing import Standings
from inferd.upstream.client import Response, Take, Trouble
from inferd.upstream.errand import Errand


class Stream:
    """The body of an accepted answer; ``Sender.stream`` makes and closes it. ``idle`` in seconds."""

    def __init__(self, response: Response, errand: Errand, standings: Standings, idle: float) -> None:
        self._response = response
        self._errand = errand
        self._standings = standings
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._begun = False
        self._until: float | None = errand.call.deadline.at

    async def read(self) -> bytes:
        """Some more of the body, empty at its end.

        RequestTimedOut when nothing at all has come by the request's deadline. After that a StatusFailure: 504 for a
        silence of the idle timeout, 502 for a body that breaks off. Only the time spent in here is silence, and only
        ``heard`` ends it: bytes that never come to a chunk, comments among them, do not.
        """
        try:
            data = await self._response.read(self._wait())
        except (TimeoutError, Trouble) as problem:
            raise self._ill(problem) from None
        if not self._begun:
            self.heard()
        return data

    async def push(self, take: Take) -> bool:
        """Hands the body to ``take`` in the moment it comes, see Response; True at its end.

        ``take`` says whether a chunk was in what it was given, as ``heard`` would; or None to be handed no more: then
        this returns False. A new silence begins whenever you push, and when you read after that. See ``read`` for the
        failures.
        """
        if not self._begun:
            # The first of it may take all of the request's time.
            data = await self.read()
            if not data or take(data) is None:
                return not data
        self.heard()
        try:
            return await self._response.push(take, self._idle)
        except (TimeoutError, Trouble) as problem:
            raise self._ill(problem) from None

    def heard(self) -> None:
        """You tell it of every chunk found in what ``read`` gave: a new silence begins with the next ``read``."""
        self._begun = True
        self._until = None

    def _wait(self) -> float:
        """Until when more has to come."""
        if self._until is None:
            self._until = self._loop.time() + self._idle
        return self._until

    def _ill(self, problem: Exception) -> Failure:
        failure = self._failure(problem)
        if not self._errand.call.is_trial:
            self._standings.ill(self._errand.call.inference_id, failure)
        return failure

    def _failure(self, problem: Exception) -> Failure:
        if isinstance(problem, Trouble):
            return self._errand.failed(str(problem), 502)
        if self._begun:
            return self._errand.failed(f"the upstream was silent for {self._idle:g} seconds", 504)
        return self._errand.timed_out()
