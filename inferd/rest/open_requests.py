"""The requests that are being served, so that a daemon that must stop can wait for them, and end what is left."""

import asyncio
from typing import Protocol

from inferd.errors import Failure


class Cuttable(Protocol):
    """A request that can be ended from outside."""

    def cut(self, failure: Failure) -> None:
        """Ends it with ``failure``."""
        ...


class OpenRequests:
    """All requests being served; its length is their number, ``streams`` how many of them stream."""

    def __init__(self) -> None:
        self.streams = 0
        self._open: set[Cuttable] = set()
        self._none_left: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._open)

    def __repr__(self) -> str:
        return f"<OpenRequests {len(self)}, {self.streams} of them streams>"

    def add(self, request: Cuttable) -> None:
        """A request has begun; you must ``remove`` it at its end."""
        self._open.add(request)

    def remove(self, request: Cuttable) -> None:
        """A request has ended."""
        self._open.discard(request)
        if not self._open and self._none_left is not None:
            self._none_left.set()
            self._none_left = None

    async def none_left(self) -> None:
        """Returns once no request is being served."""
        if self._open:
            # One for all who wait.
            self._none_left = self._none_left or asyncio.Event()
            await self._none_left.wait()

    def cut(self, failure: Failure) -> int:
        """Ends every request with ``failure``; how many there were."""
        cut = list(self._open)
        for request in cut:
            request.cut(failure)
        return len(cut)
