"""The services by name, found as entry points of the group ``inferd.services``."""

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from inferd.errors import Document, StatusFailure
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.services import InferenceService, Tools

GROUP = "inferd.services"

# What importing and making a plug-in may end in; named, because a bug of inferd's own must not hide behind them.
_BROKEN = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError,
)  # fmt: skip


class ServiceUnusable(Exception):
    """A service plug-in that cannot be used; the message names it and its distribution."""


class Plugin:
    """A service and where it came from."""

    def __init__(self, service: InferenceService, distribution: str, version: str) -> None:
        self.service = service
        self.distribution = distribution
        self.version = version


class Registry:
    """The services that are there."""

    def __init__(self, plugins: Mapping[str, Plugin]) -> None:
        self._plugins = dict(plugins)

    @classmethod
    def load(cls, tools: Tools) -> "Registry":
        """Finds and makes every service.

        ServiceUnusable for one that cannot be made, says another name than it was found by, or shares its name:
        which of two would have served an endpoint would be left to chance.
        """
        plugins: dict[str, Plugin] = {}
        for point in entry_points(group=GROUP):
            plugin = _plugin(point, tools)
            other = plugins.setdefault(point.name, plugin)
            if other is not plugin:
                raise ServiceUnusable(
                    f"service [{point.name}] is in both {other.distribution} and {plugin.distribution}"
                )
        return cls(plugins)

    def __iter__(self) -> Iterator[Plugin]:
        """The plug-ins, sorted by name."""
        return iter(plugin for _, plugin in sorted(self._plugins.items()))

    def named(self, name: object) -> InferenceService:
        """The service a PUT asks for; StatusFailure 400 if there is none."""
        plugin = self._plugins.get(name) if isinstance(name, str) else None
        if plugin is None:
            raise StatusFailure(f"Unknown service [{name}]")
        return plugin.service

    def of(self, endpoint: Endpoint) -> InferenceService:
        """The service of a stored endpoint: there, because the store was opened with it."""
        return self._plugins[endpoint.service].service

    def restore(self, document: Document, secrets: Secrets) -> Endpoint:
        """The endpoint of a stored document; LookupError if its service is not installed."""
        plugin = self._plugins.get(document["service"])
        if plugin is None:
            raise LookupError(f"its service [{document['service']}] is not installed")
        return plugin.service.restore_endpoint(document, secrets)


def _plugin(point: EntryPoint, tools: Tools) -> Plugin:
    name, version = (point.dist.name, point.dist.version) if point.dist is not None else ("?", "?")
    where = f"service [{point.name}] of {name}"
    try:
        service = point.load()(tools)
        told = service.name
    except _BROKEN as problem:
        raise ServiceUnusable(f"{where} cannot be loaded: {type(problem).__name__}: {problem}") from problem
    if told != point.name:
        raise ServiceUnusable(f"{where} calls itself [{told}]")
    return Plugin(service, name, version)
