"""Tokens for client credentials."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest

from inferd.simulator.answers import Answer, Refused
from inferd.simulator.faults import Memory
from inferd.simulator.oauth import Tokens, answer

GRANT = {"grant_type": "client_credentials"}
CLIENT = GRANT | {"client_id": "me", "client_secret": "secret"}


def basic(credentials: str) -> str:
    return "Basic " + b64encode(credentials.encode()).decode()


def ask(form: dict[str, str], authorization: str = "", tokens: Tokens | None = None) -> Any:
    given = answer(urlencode(form).encode(), authorization, tokens or Tokens(), Memory())
    assert given.status == 200
    return json.loads(given.body)


def refused(body: bytes, authorization: str = "") -> Answer:
    with pytest.raises(Refused) as refusal:
        answer(body, authorization, Tokens(), Memory())
    return refusal.value.answer


def test_a_client_gets_a_token_that_is_accepted() -> None:
    tokens = Tokens()
    assert ask(CLIENT, tokens=tokens) == {"access_token": "sim-token-1", "token_type": "Bearer", "expires_in": 3600}
    assert ask(CLIENT | {"scope": "a b"}, tokens=tokens)["scope"] == "a b"
    assert tokens.accepts("sim-token-1") and tokens.accepts("sim-token-2") and not tokens.accepts("sim-token-3")
    assert tokens.accepts("any other key")


@pytest.mark.parametrize("credentials", ["me:secret", "me:with:colon", "m%20e:s%2Bt"])
def test_credentials_may_come_by_basic(credentials: str) -> None:
    assert ask(GRANT, basic(credentials))["access_token"] == "sim-token-1"


@pytest.mark.parametrize(
    ("form", "authorization"),
    [
        ({}, ""),
        (GRANT, ""),
        (GRANT | {"client_id": "me"}, ""),
        (CLIENT | {"client_secret": "sim-wrong"}, ""),
        (GRANT, basic("me:sim-wrong")),
        (GRANT, basic("me:sim%2Dwrong")),
        (GRANT, "Basic ???"),
        (GRANT, "Basic " + b64encode(b"\xff:x").decode()),
        (CLIENT, basic("")),
    ],
)
def test_wrong_clients_are_refused(form: dict[str, str], authorization: str) -> None:
    given = refused(urlencode(form).encode(), authorization)
    assert (given.status, given.headers) == (401, {"www-authenticate": "Basic"})
    assert json.loads(given.body)["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", "invalid_request"),
        (b"\xff=1", "invalid_request"),
        (b"&".join([b"a=1"] * 33), "invalid_request"),
        (urlencode(CLIENT | {"grant_type": "password"}).encode(), "unsupported_grant_type"),
    ],
)
def test_wrong_requests_are_refused(body: bytes, error: str) -> None:
    given = refused(body)
    assert (given.status, json.loads(given.body)["error"]) == (400, error)


def test_scopes_ask_for_faults() -> None:
    assert refused(urlencode(CLIENT | {"scope": "a sim-500"}).encode()).status == 500
    given = answer(urlencode(CLIENT | {"scope": "sim-garbage"}).encode(), "", Tokens(), Memory())
    assert given.body == b"<<< garbage >>>"


def test_a_short_token_ends_and_is_forgotten() -> None:
    now = 100.0
    tokens = Tokens(lambda: now)
    token = ask(CLIENT | {"scope": "sim-short"}, tokens=tokens)
    assert token["expires_in"] == 1 and tokens.accepts(token["access_token"])
    now += 1
    assert not tokens.accepts(token["access_token"])
    ask(CLIENT, tokens=tokens)
    now -= 1
    assert not tokens.accepts(token["access_token"])


def test_a_revoked_token_works_once() -> None:
    tokens = Tokens()
    token = ask(CLIENT | {"scope": "sim-revoked"}, tokens=tokens)["access_token"]
    assert [tokens.accepts(token) for _ in range(3)] == [True, False, False]
