"""The services by name, found as entry points of the group ``inferd.services``."""

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from inferd.errors import Document, StatusFailure
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.services import InferenceService, Tools

GROUP = "inferd.services"


class ServiceUnusable(Exception):
    """A service plug-in that cannot be loaded; the message names it and its distribution."""


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
        """Finds and makes every service; ServiceUnusable for one that cannot be made."""
        return cls({point.name: _plugin(point, tools) for point in entry_points(group=GROUP)})

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
    dist = point.dist
    try:
        service = point.load()(tools)
    except (ImportError, AttributeError, TypeError) as problem:
        where = dist.name if dist is not None else "?"
        raise ServiceUnusable(
            f"service [{point.name}] of {where} cannot be loaded: {type(problem).__name__}: {problem}"
        ) from problem
    return Plugin(service, dist.name if dist is not None else "?", dist.version if dist is not None else "?")
