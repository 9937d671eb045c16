"""Finding the handler of a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import FlatFailure
from inferd.rest.request import Request
from inferd.rest.routing import Route, Router


async def _handle(request: Request) -> None:
    raise AssertionError


def route(method: str, path: str) -> Route:
    return Route(method, path, _handle)  # type: ignore[arg-type]  # it is never called


ROUTER = Router(
    [
        route("GET", "/"),
        route("GET", "/a"),
        route("GET", "/a/{id}"),
        route("POST", "/a/{id}"),
        route("GET", "/a/_all"),
        route("GET", "/a/{kind}/{id}"),
        route("POST", "/a/{id}/_go"),
        route("DELETE", "/a/{kind}/{id}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "found", "values"),
    [
        ("GET", "/", "/", {}),
        ("GET", "", "/", {}),
        ("GET", "/a?b=/c/d", "/a", {}),
        ("GET", "//a//", "/a", {}),
        ("GET", "/a/_all", "/a/_all", {}),
        ("POST", "/a/_all", "/a/{id}", {"id": "_all"}),
        ("GET", "/a/x%2Fy%20z/", "/a/{id}", {"id": "x/y z"}),
        ("GET", "/a/%FF", "/a/{id}", {"id": "\N{REPLACEMENT CHARACTER}"}),
        ("GET", "/a/k/x", "/a/{kind}/{id}", {"kind": "k", "id": "x"}),
        ("GET", "/a/" + "x" * 1000, "/a/{id}", {"id": "x" * 1000}),
        ("POST", "/a/x/_go", "/a/{id}/_go", {"id": "x"}),
        ("GET", "/a/x/_go", "/a/{kind}/{id}", {"kind": "x", "id": "_go"}),
    ],
)
def test_explicit_segments_win_unless_they_lack_the_method(
    method: str, path: str, found: str, values: dict[str, str]
) -> None:
    for _ in range(2):
        match = ROUTER.find(method, path)
        assert (match.route.path, match.route.method, match.values) == (found, method, values)
    assert match.route.api == "test_routing" and match.route.privilege == "monitor"


@pytest.mark.parametrize(
    ("method", "path", "status", "reason", "allow"),
    [
        ("GET", "/b?c=d", 400, "no handler found for uri [/b?c=d] and method [GET]", None),
        ("GET", "/a/b/c/d", 400, "no handler found for uri [/a/b/c/d] and method [GET]", None),
        ("PUT", "/a/b", 405, "Incorrect HTTP method for uri [/a/b] and method [PUT], allowed: [GET, POST]", "GET,POST"),
        (
            "PUT",
            "/a/b/_go",
            405,
            "Incorrect HTTP method for uri [/a/b/_go] and method [PUT], allowed: [DELETE, GET, POST]",
            "DELETE,GET,POST",
        ),
    ],
)
def test_what_is_not_there(method: str, path: str, status: int, reason: str, allow: str | None) -> None:
    with pytest.raises(FlatFailure) as raised:
        ROUTER.find(method, path)
    failure = raised.value
    assert (failure.status, failure.reason, failure.headers.get("Allow")) == (status, reason, allow)
    assert failure.show_status is (status == 405)


def test_long_paths_are_not_remembered() -> None:
    router = Router([route("GET", "/a/{id}")])
    for length in (100, 200):
        router.find("GET", "/a/" + "x" * length)
    assert router._recent.cache_info().currsize == 1


@given(st.text(max_size=30))
def test_any_path_is_found_or_refused(path: str) -> None:
    try:
        ROUTER.find("GET", path)
    except FlatFailure as failure:
        assert failure.status in (400, 405)
