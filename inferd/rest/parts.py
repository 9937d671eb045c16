"""What the handlers may use, made once by ``inferd.app`` and handed to every one of them."""

from collections.abc import Callable, Mapping

import msgspec

from inferd.aside import Aside
from inferd.auth import Guard
from inferd.config import Config
from inferd.cutting import Cutter
from inferd.loop_lag import LoopLag
from inferd.metrics import Metrics
from inferd.ratelimit import RateLimits
from inferd.registry import Registry
from inferd.rest.open_requests import OpenRequests
from inferd.standing import Standings
from inferd.store import Store


class Parts(msgspec.Struct):
    """The parts of a running daemon. ``config`` is replaced on reload; ``draining`` turns True when it must stop.

    ``connections`` counts those to upstreams (Client.stats); ``guard`` is None where everyone is let in.
    """

    config: Config
    store: Store
    services: Registry
    limits: RateLimits
    standings: Standings
    open: OpenRequests
    aside: Aside
    cutter: Cutter
    connections: Callable[[], Mapping[str, int]]
    draining: bool = False
    guard: Guard | None = None
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    loop_lag: LoopLag = msgspec.field(default_factory=LoopLag)
