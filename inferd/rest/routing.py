"""Finds the handler of a path the way Elasticsearch's path trie does.

A path is cut at its slashes before anything is decoded, because ids are percent-encoded as a whole; empty segments
count for nothing, so trailing and doubled slashes do not matter. Explicit segments win over wildcards, but where the
explicit path lacks the method, the wildcard is tried (RestController, PathTrie).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import unquote

import msgspec

from inferd.auth import Privilege
from inferd.errors import FlatFailure
from inferd.rest.answer import Answer

if TYPE_CHECKING:
    from inferd.rest.request import Request

Handler: TypeAlias = "Callable[[Request], Awaitable[Answer]]"

# Read by every route (RestHandler's response parameters).
COMMON_FLAGS = ("error_trace", "human", "pretty")
COMMON_PARAMETERS = (*COMMON_FLAGS, "filter_path", "format")

# Those of some routes that are spans of time.
SPANS = ("timeout", "master_timeout")

# Paths that were asked for lately are not cut up again: 0.2 µs instead of 4. Together a megabyte at most.
_RECENT = 1024
_SHORT = 128


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
    """A route that fits, and what its wildcards stand for; shared by all requests for the same path."""

    route: Route
    values: Mapping[str, str]


class _Table(NamedTuple):
    """Paths that have explicit segments in the same places: ``pick`` takes these out of a path, ``routes`` knows them.

    With each route stand the places and names of its wildcards.
    """

    pick: Callable[[Sequence[str]], object]
    routes: dict[object, tuple[Route, list[tuple[int, str]]]]


class Router:
    """All routes, to be asked for one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        tables: dict[tuple[bool, ...], _Table] = {}
        self._methods = set()
        for route in routes:
            pattern = _segments(route.method, route.path)
            wild = tuple(segment.startswith("{") for segment in pattern)
            explicit = [at for at, is_wild in enumerate(wild) if not is_wild]
            table = tables.setdefault(wild, _Table(itemgetter(*explicit), {}))
            names = [(at, pattern[at][1:-1]) for at, is_wild in enumerate(wild) if is_wild]
            table.routes[table.pick(pattern)] = (route, names)
            self._methods.add(route.method)
        self._by_length: dict[int, list[_Table]] = {}
        # Explicit segments come before wildcards, the leftmost difference deciding.
        for wild in sorted(tables):
            self._by_length.setdefault(len(wild), []).append(tables[wild])
        self._recent = lru_cache(_RECENT)(self._find)

    def find(self, method: str, raw_path: str) -> Match:
        """The route for ``method`` and the undecoded ``raw_path``, which may carry a query.

        FlatFailure 400 for an unknown path, 405 with ``Allow`` for a method it does not have.
        """
        return self._recent(method, raw_path) if len(raw_path) <= _SHORT else self._find(method, raw_path)

    def _find(self, method: str, raw_path: str) -> Match:
        segments = _segments(method, raw_path.partition("?")[0])
        match = self._match(segments)
        if match is not None:
            return match
        allowed = [other for other in sorted(self._methods) if self._match([other, *segments[1:]]) is not None]
        if allowed:
            raise wrong_method(method, raw_path, allowed)
        raise FlatFailure(
            f"no handler found for uri [{raw_path}] and method [{method}]", 400, show_status=False
        )

    def _match(self, segments: Sequence[str]) -> Match | None:
        for pick, routes in self._by_length.get(len(segments), ()):
            found = routes.get(pick(segments))
            if found is not None:
                route, names = found
                return Match(route, {name: unquote(segments[at], errors="replace") for at, name in names})
        return None


def wrong_method(method: str, raw_path: str, allowed: list[str]) -> FlatFailure:
    """The 405 for a known path; ``OPTIONS`` is answered from its ``Allow``."""
    return FlatFailure(
        f"Incorrect HTTP method for uri [{raw_path}] and method [{method}], allowed: [{', '.join(allowed)}]",
        405,
        headers={"Allow": ",".join(allowed)},
    )


def _segments(method: str, path: str) -> list[str]:
    """The method counts as the first segment, which is explicit in every route."""
    return [method, *(segment for segment in path.split("/") if segment)]
