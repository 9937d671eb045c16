"""What is known of each endpoint's upstream: unverified, well, or ill since when and why; for health only."""

import time

import msgspec

from inferd.errors import Failure, UpstreamRefusal

# Endpoints known of at most, the oldest forgotten: a PUT that is refused names one, too, and nobody deletes it.
MAX_KNOWN = 20_000

# With these an upstream that is well refuses a request that is not.
_OF_THE_REQUEST = frozenset({400, 413, 422})


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
            self._note(inference_id, Standing("ok", time.time()))

    def ill(self, inference_id: str, failure: Failure) -> None:
        """A call was refused, or never answered; a refusal for what was in the request changes nothing."""
        if isinstance(failure, UpstreamRefusal) and failure.upstream_status in _OF_THE_REQUEST:
            return
        known = self._known.get(inference_id)
        since = known.since if known is not None and known.state == "failing" else time.time()
        self._note(inference_id, Standing("failing", since, failure.reason, failure.status))

    def unverified(self, inference_id: str, reason: str) -> None:
        """The endpoint was stored though its upstream could not be asked."""
        self._note(inference_id, Standing("unverified", time.time(), reason))

    def forget(self, inference_id: str) -> None:
        """The endpoint is deleted."""
        self._known.pop(inference_id, None)

    def _note(self, inference_id: str, standing: Standing) -> None:
        self._known[inference_id] = standing
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
