"""The table of routes."""

from inferd.rest import ROUTES


def test_no_route_is_there_twice_and_none_without_a_privilege_but_the_probes() -> None:
    rows = [(route.method, route.path) for route in ROUTES]
    assert len(set(rows)) == len(rows)
    assert [route.path for route in ROUTES if route.privilege is None] == ["/livez", "/readyz"]


def test_what_changes_endpoints_takes_the_privilege_to_manage() -> None:
    for route in ROUTES:
        assert (route.privilege == "manage") is (route.method in ("PUT", "DELETE")), route


def test_every_route_for_a_body_says_how_failures_travel() -> None:
    for route in ROUTES:
        assert (route.body == "required") is (route.method in ("PUT", "POST")), route
        carriers = {"_stream": "event", "_unified": "chat"}
        assert route.carrier == carriers.get(route.path.rpartition("/")[2], "body"), route
