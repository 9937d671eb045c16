"""How long the pauses between attempts are."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.upstream.retry import LONGEST_DELAY, delay


@pytest.mark.parametrize(("attempt", "bound"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (9, 5.0)])
def test_a_pause_is_half_to_the_whole_of_a_bound_that_doubles(attempt: int, bound: float) -> None:
    pauses = [delay(attempt) for _ in range(300)]
    assert all(bound / 2 <= pause <= bound for pause in pauses)
    assert max(pauses) - min(pauses) > bound / 4


def test_the_seconds_of_a_retry_after_are_obeyed() -> None:
    assert delay(1, "7") == 7.0
    assert delay(1, "0007") == 7.0


def test_a_retry_after_never_makes_a_pause_shorter() -> None:
    assert delay(3, "1") >= 2.0
    assert delay(3, "0") >= 2.0


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("form", ["imf", "asctime"])
def test_a_date_in_a_retry_after_is_obeyed_wherever_the_daemon_runs(
    monkeypatch: pytest.MonkeyPatch, zone: str, form: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    at = time.time() + 100
    date = formatdate(at, usegmt=True) if form == "imf" else time.asctime(time.gmtime(at))
    assert 98 <= delay(1, date) <= 100
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "1e9",
        "٣",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        "Wed, 99 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 +999999999999",
    ],
)
def test_what_is_neither_seconds_nor_a_time_to_come_asks_for_nothing(text: str) -> None:
    assert 0.5 <= delay(1, text) <= 1.0


def test_seconds_beyond_all_bounds_are_longer_than_any_request() -> None:
    assert delay(1, "9" * 400) > 7 * 86_400


@given(st.text(), st.integers(1, 50))
def test_any_text_makes_a_pause(text: str, attempt: int) -> None:
    assert delay(attempt, text) >= 0.5
    assert delay(attempt) <= LONGEST_DELAY
