"""What is known of each endpoint's upstream: unverified, well, or ill since when and why; for health only."""

import time

import msgspec

from inferd.errors import Failure


class Standing(msgspec.Struct, frozen=True):
    """How an upstream stands: ``state`` is ``unverified``, ``ok`` or ``failing``; ``since`` in seconds of Unix time."""

    state: str
    since: float
    reason: str | None = None
    status: int | None = None


class Standings:
    """The standing of every endpoint that was heard of since the start; the last call decides."""

    def __init__(self) -> None:
        self._known: dict[str, Standing] = {}

    def get(self, inference_id: str) -> Standing | None:
        """The standing of an endpoint, None if it was not used since the start."""
        return self._known.get(inference_id)

    def well(self, inference_id: str) -> None:
        """A call has succeeded."""
        known = self._known.get(inference_id)
        if known is None or known.state != "ok":
            self._known[inference_id] = Standing("ok", time.time())

    def ill(self, inference_id: str, failure: Failure) -> None:
        """A call was refused, or never answered."""
        known = self._known.get(inference_id)
        since = known.since if known is not None and known.state == "failing" else time.time()
        self._known[inference_id] = Standing("failing", since, failure.reason, failure.status)

    def unverified(self, inference_id: str, reason: str) -> None:
        """The endpoint was stored though its upstream could not be asked."""
        self._known[inference_id] = Standing("unverified", time.time(), reason)

    def forget(self, inference_id: str) -> None:
        """The endpoint is deleted."""
        self._known.pop(inference_id, None)
