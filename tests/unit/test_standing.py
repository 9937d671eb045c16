"""What is known of an upstream: the last call decides, but not what was wrong with a request."""

from types import SimpleNamespace

import pytest

from inferd import standing
from inferd.errors import StatusFailure, UpstreamRefusal
from inferd.standing import Standing, Standings


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(1, 100))
    monkeypatch.setattr(standing, "time", SimpleNamespace(time=lambda: float(next(times))))


def test_nothing_is_known_at_first() -> None:
    assert Standings().get("e") is None


def test_it_is_well_since_the_first_success() -> None:
    standings = Standings()
    standings.well("e")
    standings.well("e")
    assert standings.get("e") == Standing("ok", 1.0)


def test_it_is_ill_since_the_first_failure_and_for_the_last_reason() -> None:
    standings = Standings()
    standings.well("e")
    standings.ill("e", StatusFailure("one", 502))
    standings.ill("e", StatusFailure("two", 503))
    assert standings.get("e") == Standing("failing", 2.0, "two", 503)
    standings.well("e")
    standings.ill("e", StatusFailure("three", 502))
    assert standings.get("e") == Standing("failing", 4.0, "three", 502)


def test_unverified_lasts_until_something_is_known() -> None:
    standings = Standings()
    standings.unverified("e", "Connection refused")
    assert standings.get("e") == Standing("unverified", 1.0, "Connection refused")
    standings.ill("e", StatusFailure("one", 502))
    assert standings.get("e") == Standing("failing", 2.0, "one", 502)
    standings.unverified("e", "again")
    standings.well("e")
    assert standings.get("e") == Standing("ok", 4.0)


@pytest.mark.parametrize(("status", "counts"), [(400, False), (413, False), (422, False), (401, True), (404, True)])
def test_a_bad_request_says_nothing_of_the_upstream(status: int, counts: bool) -> None:
    standings = Standings()
    standings.well("e")
    standings.ill("e", UpstreamRefusal("no", status, upstream_status=status))
    known = standings.get("e")
    assert known is not None and known.state == ("failing" if counts else "ok")


def test_a_deleted_endpoint_is_forgotten() -> None:
    standings = Standings()
    standings.well("e")
    standings.forget("e")
    standings.forget("e")
    assert standings.get("e") is None


def test_no_more_than_so_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MAX_KNOWN", 2)
    standings = Standings()
    for name in "abc":
        standings.well(name)
    assert [standings.get(name) is not None for name in "abc"] == [False, True, True]
