"""What a token endpoint is asked, and every way its answer can be meant."""

import base64
from urllib.parse import parse_qs

import msgspec
import pytest

from inferd.errors import Failure, StatusFailure, UpstreamRefusal, UpstreamUnreachable
from inferd.schema.endpoint import Secrets, TaskType
from inferd.services.openai.token_request import (
    LONGEST_LIFETIME,
    Credentials,
    NoToken,
    Token,
    no_answer,
    token_in,
    token_request,
)
from inferd.upstream.client import Broken, HostUnknown, Refused, Trouble, Unreachable
from tests.unit.services.openai.endpoints import OAUTH2, call

CREDENTIALS = Credentials("https://auth.example/token", "my id", "s:ecr&t", ("a", "b c"))
NONE = "the answer of the token URL holds no access token that can be sent"
NO_BEARER = "the answer of the token URL holds a token that is no bearer token"
PREFIX = "Failed to retrieve access token for request for inference id [e]: "


def answered(document: object, status: int = 200, **headers: str) -> Token:
    return token_in(status, headers, msgspec.json.encode(document), CREDENTIALS)


def failure_of(document: object, status: int = 200, **headers: str) -> Failure:
    with pytest.raises(NoToken) as why:
        answered(document, status, **headers)
    return why.value.failure("e")


async def test_the_credentials_are_those_of_the_endpoint() -> None:
    made = Credentials.of(call(TaskType.COMPLETION, secrets=Secrets({"client_secret": "x"}), **OAUTH2))
    assert made == Credentials("https://auth.example/token", "me", "x", ("a", "b"))


async def test_an_endpoint_without_oauth2_has_empty_ones() -> None:
    assert Credentials.of(call(TaskType.COMPLETION, secrets=Secrets({"client_secret": "x"}))).scopes == ()


def test_the_client_names_itself_by_http_basic_encoded_as_in_a_form() -> None:
    request = token_request(CREDENTIALS)
    headers = dict(request.headers)
    assert request.url == "https://auth.example/token"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"my+id:s%3Aecr%26t"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Accept-Encoding"] == "identity"
    assert parse_qs(request.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["a b c"]}


def test_no_repr_shows_a_secret() -> None:
    assert repr(CREDENTIALS) == "Credentials(***)"
    assert repr(Token("t0ken", 1.0)) == "Token(***)"


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [(3600, 3540.0), (100, 75.0), ("3600", 3540.0), (1, 0.75), (0, 0.0), (-5, 0.0), (1800.5, 1740.5)]
    + [(None, 240.0), ("soon", 240.0), ([], 240.0), ({}, 240.0)]
    + [(10**400, LONGEST_LIFETIME - 60), ("9" * 400, LONGEST_LIFETIME - 60)],
)
def test_a_token_is_given_up_before_its_end(expires_in: object, lifetime: float) -> None:
    assert answered({"access_token": "t", "token_type": "Bearer", "expires_in": expires_in}) == Token("t", lifetime)


def test_a_token_that_does_not_say_lives_five_minutes() -> None:
    assert answered({"access_token": "t"}) == Token("t", 240.0)


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ({}, NONE),
        ([], NONE),
        ({"access_token": ""}, NONE),
        ({"access_token": 5}, NONE),
        ({"access_token": "a\r\nX: y"}, NONE),
        ({"access_token": "ü"}, NONE),
        ({"access_token": "t", "token_type": "mac"}, NO_BEARER),
        ({"access_token": "t", "token_type": None}, NO_BEARER),
    ],
)
def test_nonsense_is_a_bad_gateway(document: object, cause: str) -> None:
    failure = failure_of(document)
    assert isinstance(failure, UpstreamRefusal)
    assert (failure.status, failure.reason) == (502, PREFIX + cause)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff"])
def test_so_is_what_is_no_json(body: bytes) -> None:
    with pytest.raises(NoToken):
        token_in(200, {}, body, CREDENTIALS)


@pytest.mark.parametrize(
    ("status", "told"),
    [(400, 401), (401, 401), (403, 401), (404, 401), (429, 429), (302, 502), (500, 502), (503, 503), (504, 504)],
)
def test_a_refusal_is_told_in_the_words_of_rfc_6749(status: int, told: int) -> None:
    failure = failure_of({"error": "invalid_client", "error_description": "No such client."}, status)
    assert isinstance(failure, UpstreamRefusal)
    assert failure.reason == PREFIX + "[invalid_client] No such client."
    assert (failure.status, failure.upstream_status) == (told, status)


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ({"error": "invalid_scope"}, "[invalid_scope]"),
        ({"error": "invalid_scope", "error_description": None}, "[invalid_scope]"),
        ({"error": {"message": "no"}}, "[400] the token URL gave no reason"),
        ("no", "[400] the token URL gave no reason"),
    ],
)
def test_a_refusal_without_all_of_them_is_told_by_what_there_is(document: object, cause: str) -> None:
    assert failure_of(document, 400).reason == PREFIX + cause


def test_retry_after_is_handed_on() -> None:
    assert failure_of({"error": "slow_down"}, 429, **{"Retry-After": "7"}).headers == {"Retry-After": "7"}


def test_an_echoed_secret_is_masked() -> None:
    told = f"{CREDENTIALS.client_secret} and {CREDENTIALS.basic} are wrong"
    assert failure_of({"error": "e", "error_description": told}, 401).reason == PREFIX + "[e] *** and *** are wrong"
    assert failure_of({}, 429, **{"Retry-After": CREDENTIALS.basic}).headers == {"Retry-After": "***"}


@pytest.mark.parametrize(
    ("trouble", "kind", "status", "cause"),
    [
        (
            HostUnknown(),
            UpstreamUnreachable,
            400,
            "Invalid host [https://auth.example/token], please check that the URL is correct.",
        ),
        (Unreachable("Connection refused"), UpstreamUnreachable, 502, "Connection refused"),
        (Broken("the answer broke off"), UpstreamRefusal, 502, "the answer broke off"),
        (Refused("the address is not allowed"), StatusFailure, 400, "the address is not allowed"),
    ],
)
def test_no_answer_is_told_as_of_any_upstream(trouble: Trouble, kind: type, status: int, cause: str) -> None:
    failure = no_answer(trouble, CREDENTIALS).failure("e")
    assert type(failure) is kind
    assert (failure.status, failure.reason) == (status, PREFIX + cause)
