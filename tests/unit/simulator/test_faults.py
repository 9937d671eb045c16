"""The table of faults and the names that ask for them."""

import json

import pytest

from inferd.simulator import faults
from inferd.simulator.answers import Answer, Ending, Manner, Refused
from inferd.simulator.faults import FAULTS, HEALTHY, SIZED, Fault, Memory, faults_help, named

STATUSES = {
    "sim-400": 400, "sim-context": 400, "sim-401": 401, "sim-echo-key": 401, "sim-403": 403, "sim-404": 404,
    "sim-413": 413, "sim-422": 422, "sim-429": 429, "sim-quota": 429, "sim-500": 500, "sim-502": 502,
    "sim-503": 503, "sim-504": 504, "sim-html": 502, "sim-redirect": 307,
}  # fmt: skip


def refused(fault: Fault, key: str = "key") -> Answer:
    with pytest.raises(Refused) as refusal:
        fault.check(key)
    return refusal.value.answer


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_refusal_of_its_status_or_lets_the_request_pass(name: str) -> None:
    fault = named(name, Memory())
    if name in STATUSES:
        assert refused(fault).status == STATUSES[name]
    else:
        fault.check("key")
        assert fault != HEALTHY


def test_a_rate_limit_tells_when_to_come_back() -> None:
    headers = refused(FAULTS["sim-429"]).headers
    assert headers["retry-after"] == "1" and headers["x-ratelimit-remaining-requests"] == "0"
    assert "retry-after" not in refused(FAULTS["sim-quota"]).headers


def test_a_key_is_echoed_only_where_asked_and_as_json() -> None:
    assert "{key}" not in refused(FAULTS["sim-401"]).body.decode()
    echo = refused(FAULTS["sim-echo-key"], 'a"b')
    assert json.loads(echo.body)["error"]["message"] == 'Incorrect API key provided: a"b.'


def test_faults_are_joined_with_each_other_and_with_any_name() -> None:
    fault = named("gpt-4o+sim-words-50+sim-pace-20 sim-crlf+sim-delay-1500", Memory())
    assert (fault.words, fault.manner) == (50, Manner(delay=1.5, pace=0.02))
    assert fault.events is FAULTS["sim-crlf"].events
    late = refused(named("sim-500+sim-delay-10", Memory()))
    assert (late.status, late.manner.delay) == (500, 0.01)


def test_a_name_without_faults_is_healthy() -> None:
    for name in ("gpt-4o", "", "+", "similar", "my-sim-500"):
        assert named(name, Memory()) == HEALTHY


@pytest.mark.parametrize("name", ["sim-", "sim-nothing", "sim-nothing-once", "sim-words-", "sim-words-1000001",
                                  "sim-nothing-5", "sim-words-5-once", "sim-words-\u0663"])  # fmt: skip
def test_a_fault_that_is_none_is_no_model(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        named(name, Memory())
    assert refusal.value.answer.status == 404
    assert json.loads(refusal.value.answer.body)["error"]["code"] == "model_not_found"


def test_once_strikes_the_first_request_of_each_name() -> None:
    memory = Memory()
    assert named("sim-429-once", memory) == FAULTS["sim-429"]
    assert named("sim-429-once", memory) == HEALTHY
    assert named("a+sim-429-once", memory).instead == FAULTS["sim-429"].instead
    assert named("sim-500-once", memory) == FAULTS["sim-500"]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "MAX_SEEN", 2)
    memory = Memory()
    assert [memory.is_new(name) for name in "aabca"] == [True, False, True, True, True]


def test_an_answer_is_spoiled_in_events_and_body() -> None:
    fault = Fault(events=lambda events: [*events, b"more"], body=lambda body: body + b"!", manner=Manner(stop_at=1))
    assert fault.spoil(Answer(body=b"a")) == Answer(body=b"a!", manner=Manner(stop_at=1))
    assert fault.spoil(Answer(events=[b"a"])).events == [b"a", b"more"]
    assert named("sim-stall", Memory()).manner == Manner(stop_at=0, ending=Ending.STALL)


def test_the_help_names_every_fault_on_a_line_that_fits() -> None:
    text = faults_help()
    for name in [*FAULTS, *(f"sim-{name}-N" for name in SIZED), "sim-short", "sim-revoked", "sim-wrong", "sim-invalid"]:
        assert name in text
    assert all(fault.about for fault in FAULTS.values())
    assert max(map(len, text.splitlines())) <= 116
