"""A body that is read as it comes, with an end to every silence."""

import asyncio

from inferd.errors import Failure
from inferd.standing import Standings
from inferd.upstream.client import Response, Trouble
from inferd.upstream.errand import Errand


class Stream:
    """The body of an accepted answer; ``Sender.stream`` makes and closes it. ``idle`` in seconds."""

    def __init__(self, response: Response, errand: Errand, standings: Standings, idle: float) -> None:
        self._response = response
        self._errand = errand
        self._standings = standings
        self._idle = idle
        self._begun = False
        self._until: float | None = errand.call.deadline.at

    async def read(self) -> bytes:
        """Some more of the body, empty at its end.

        RequestTimedOut when nothing at all has come by the request's deadline. After that a StatusFailure: 504 for a
        silence of the idle timeout, 502 for a body that breaks off. Only the time spent in here is silence, and only
        ``heard`` ends it: bytes that never come to a chunk, comments among them, do not.
        """
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._idle
        try:
            async with asyncio.timeout_at(self._until):
                data = await self._response.read()
        except (TimeoutError, Trouble) as problem:
            failure = self._failure(problem)
            self._standings.ill(self._errand.call.inference_id, failure)
            raise failure from None
        if not self._begun:
            self._begun = True
            self.heard()
        return data

    def heard(self) -> None:
        """You tell it of every chunk found in what ``read`` gave: a new silence begins with the next ``read``."""
        self._until = None

    def _failure(self, problem: Exception) -> Failure:
        if isinstance(problem, Trouble):
            return self._errand.failed(str(problem), 502)
        if self._begun:
            return self._errand.failed(f"the upstream was silent for {self._idle:g} seconds", 504)
        return self._errand.timed_out()
