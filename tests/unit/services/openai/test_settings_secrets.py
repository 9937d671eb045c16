"""Secrets and task settings of the openai service: what may be, what is said otherwise, and what an update leaves."""

from typing import Any

import pytest

from inferd.errors import ValidationFailed
from inferd.schema.endpoint import Secrets
from inferd.services.fields import Fields
from inferd.services.openai.settings import (
    SCOPE,
    OpenAITaskSettings,
    override_task_settings,
    parse_secrets,
    parse_task_settings,
    task_fields,
    update_secrets,
)

SECRET_ROWS = [
    ({}, False, "[service_settings] must have exactly one field of [api_key, client_secret] set"),
    (
        {"api_key": "sk-1", "client_secret": "s3"},
        False,
        "[service_settings] must have exactly one field of [api_key, client_secret] set, "
        "received: [api_key, client_secret]",
    ),
    ({"api_key": ""}, False, "[secret_settings] Invalid value empty string. [api_key] must be a non-empty string"),
    (
        {"api_key": 5},
        False,
        "field [api_key] is not of the expected type. The value [***] cannot be converted to a [String]",
    ),
    (
        {"api_key": "sk-1\r\nX: y"},
        False,
        "[secret_settings] Invalid value. [api_key] must consist of printable ASCII characters",
    ),
    (
        {"api_key": "s" * 4097},
        False,
        "[secret_settings] Invalid value. [api_key] must not be longer than 4096 characters",
    ),
    ({"client_secret": "s3"}, False, "OAuth2 requires the fields [client_id, scopes, token_url], to be set."),
    (
        {"api_key": "sk-1"},
        True,
        "[service_settings] OAuth2 fields are used with [client_secret], received: [api_key]",
    ),
]


@pytest.mark.parametrize(("secrets", "oauth2", "message"), SECRET_ROWS)
def test_secrets_must_be_one_that_fits(secrets: dict[str, Any], oauth2: bool, message: str) -> None:
    with pytest.raises(ValidationFailed) as failed:
        parse_secrets(Fields(secrets, SCOPE), oauth2=oauth2)
    assert failed.value.reason == f"Validation Failed: 1: {message};"
    assert "sk-1" not in failed.value.reason and "s3" not in failed.value.reason


@pytest.mark.parametrize(("name", "oauth2"), [("api_key", False), ("client_secret", True)])
def test_secrets_that_fit(name: str, oauth2: bool) -> None:
    assert dict(parse_secrets(Fields({name: "value"}, SCOPE), oauth2=oauth2)) == {name: "value"}


def test_a_secret_is_updated_by_one_of_its_kind() -> None:
    old = Secrets({"client_secret": "old"})
    assert update_secrets(old, Fields({}, SCOPE)) is old
    assert dict(update_secrets(old, Fields({"client_secret": "new"}, SCOPE))) == {"client_secret": "new"}
    with pytest.raises(ValidationFailed) as failed:
        update_secrets(old, Fields({"api_key": "k"}, SCOPE))
    assert failed.value.reason == (
        "Validation Failed: 1: [service_settings] only the field [client_secret] can be updated for this secret, "
        "received: [api_key];"
    )
    with pytest.raises(ValidationFailed, match=r"only the field \[api_key\]"):
        update_secrets(Secrets({"api_key": "k"}), Fields({"client_secret": "new"}, SCOPE))


def test_task_settings() -> None:
    assert parse_task_settings(task_fields({"user": "u", "headers": {"X-A": "b", "X-B": None}})) == OpenAITaskSettings(
        user="u", headers={"X-A": "b"}
    )
    nothings: list[dict[str, Any] | None] = [None, {"headers": {}}]
    for nothing in nothings:
        assert parse_task_settings(task_fields(nothing)) == OpenAITaskSettings()


TASK_ROWS = [
    ({"user": ""}, "[task_settings] Invalid value empty string. [user] must be a non-empty string"),
    (
        {"headers": {"X-A": 1}},
        "Map field [headers] has an entry that is not valid, [X-A => 1]. "
        "Value type of [Integer] is not one of [String].",
    ),
    (
        {"headers": {"Authorization": ["sk-1"]}},
        "Map field [headers] has an entry that is not valid, [Authorization => ***]. "
        "Value type of [ArrayList] is not one of [String].",
    ),
    ({"headers": {"X A": "b"}}, "[task_settings] Invalid value. [headers] has a name that is no HTTP header name"),
    ({"headers": {"": "b"}}, "[task_settings] Invalid value. [headers] has a name that is no HTTP header name"),
    ({"headers": {"X:\r\n": "b"}}, "[task_settings] Invalid value. [headers] has a name that is no HTTP header name"),
    ({"headers": {"Host": "b"}}, "[task_settings] Invalid value. [headers] must not contain [Host]"),
    (
        {"headers": {"Accept-Encoding": "gzip"}},
        "[task_settings] Invalid value. [headers] must not contain [Accept-Encoding]",
    ),
    (
        {"headers": {"X-A": "b\n"}},
        "[task_settings] Invalid value. [headers] entry [X-A] must consist of printable ASCII characters",
    ),
    (
        {"headers": ["X"]},
        "field [headers] is not of the expected type. The value [[X]] cannot be converted to a [Map]",
    ),
]


@pytest.mark.parametrize(("settings", "message"), TASK_ROWS)
def test_task_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationFailed) as failed:
        parse_task_settings(task_fields(settings))
    assert failed.value.reason == f"Validation Failed: 1: {message};"


def test_unknown_task_settings_are_left_over() -> None:
    fields = task_fields({"usr": "u", "user": "v"})
    parse_task_settings(fields)
    assert fields.leftover == {"usr": "u"}


@pytest.mark.parametrize(
    ("given", "result"),
    [
        (None, OpenAITaskSettings(user="u", headers={"X": "1"})),
        ({}, OpenAITaskSettings(user="u", headers={"X": "1"})),
        ({"user": "v"}, OpenAITaskSettings(user="v", headers={"X": "1"})),
        ({"headers": {"Y": "2"}}, OpenAITaskSettings(user="u", headers={"Y": "2"})),
        ({"user": None}, OpenAITaskSettings(headers={"X": "1"})),
        ({"headers": None}, OpenAITaskSettings(user="u")),
        ({"headers": {}}, OpenAITaskSettings(user="u")),
    ],
)
def test_task_settings_are_overridden_field_by_field(
    given: dict[str, Any] | None, result: OpenAITaskSettings
) -> None:
    assert override_task_settings(OpenAITaskSettings(user="u", headers={"X": "1"}), task_fields(given)) == result
