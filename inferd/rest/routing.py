"""Finds the handler of a path the way Elasticsearch's path trie does.

A path is cut at its slashes before anything is decoded, because ids are percent-encoded as a whole; empty segments
count for nothing, so trailing and doubled slashes do not matter. Explicit segments win over wildcards, but where the
explicit path lacks the method, the wildcard is tried (RestController, PathTrie).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

import msgspec
from aiohttp import web

from inferd.auth import Privilege
from inferd.errors import FlatFailure

if TYPE_CHECKING:
    from inferd.rest.request import Request

Handler: TypeAlias = "Callable[[Request], Awaitable[web.StreamResponse]]"

# Read by every route (RestHandler's response parameters).
COMMON_FLAGS = ("error_trace", "human", "pretty")
COMMON_PARAMETERS = (*COMMON_FLAGS, "filter_path", "format")


class Route(msgspec.Struct, frozen=True):
    """One row of the API.

    ``parameters`` are its own query parameters; ``body`` says whether it must have one, may or must not;
    ``carrier`` how its failures travel once the handler runs: in a JSON body, as an ``event: error`` with the
    envelope, or as one in OpenAI's shape. ``privilege`` is what a client needs where client keys are asked for,
    None where it needs none: what is not marked is closed.
    """

    method: str
    path: str
    handle: Handler
    parameters: tuple[str, ...] = ()
    body: str = "refused"
    carrier: str = "body"
    privilege: Privilege | None = "monitor"

    @property
    def api(self) -> str:
        """The API's name in Elasticsearch's specification, which is that of the handler's module."""
        return self.handle.__module__.rpartition(".")[2]


class Match(msgspec.Struct, frozen=True):
    """A route that fits, and what its wildcards stand for."""

    route: Route
    values: dict[str, str]


class Router:
    """All routes, to be asked for one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for route in routes:
            pattern = tuple(filter(None, route.path.split("/")))
            same_length = self._by_length.setdefault(len(pattern), [])
            methods = next((methods for known, methods in same_length if known == pattern), None)
            if methods is None:
                methods = {}
                same_length.append((pattern, methods))
            methods[route.method] = route
        for same_length in self._by_length.values():
            # Explicit segments sort before wildcards, the leftmost difference deciding.
            same_length.sort(key=lambda entry: [segment.startswith("{") for segment in entry[0]])

    def find(self, method: str, raw_path: str) -> Match:
        """The route for ``method`` and the undecoded ``raw_path``, which may carry a query.

        FlatFailure 400 for an unknown path, 405 with ``Allow`` for a method it does not have.
        """
        segments = [segment for segment in raw_path.partition("?")[0].split("/") if segment]
        allowed: set[str] = set()
        for pattern, methods in self._by_length.get(len(segments), ()):
            values = _values(pattern, segments)
            if values is None:
                continue
            if method in methods:
                return Match(methods[method], values)
            allowed.update(methods)
        if allowed:
            raise wrong_method(method, raw_path, sorted(allowed))
        raise FlatFailure(
            f"no handler found for uri [{raw_path}] and method [{method}]", 400, show_status=False
        )


def wrong_method(method: str, raw_path: str, allowed: list[str]) -> FlatFailure:
    """The 405 for a known path; ``OPTIONS`` is answered from its ``Allow``."""
    return FlatFailure(
        f"Incorrect HTTP method for uri [{raw_path}] and method [{method}], allowed: [{', '.join(allowed)}]",
        405,
        headers={"Allow": ",".join(allowed)},
    )


def _values(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    values = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            values[expected[1:-1]] = unquote(segment, errors="replace")
        elif expected != segment:
            return None
    return values
