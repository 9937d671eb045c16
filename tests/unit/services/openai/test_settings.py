"""Settings of the openai service: the messages of elasticsearch-openai.md 1.3 by row, updates, what stays hidden."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import Failure, StatusFailure, ValidationFailed
from inferd.schema.endpoint import Secrets, TaskType
from inferd.services.fields import Fields
from inferd.services.openai.settings import (
    SCOPE,
    OpenAISettings,
    OpenAITaskSettings,
    RateLimitSettings,
    override_task_settings,
    parse_secrets,
    parse_service_settings,
    parse_task_settings,
    update_secrets,
    update_service_settings,
)
from inferd.upstream.addresses import AddressPolicy

CHECK = AddressPolicy(private=False).check_url
OAUTH2: dict[str, Any] = {"client_id": "c", "scopes": ["a", "b"], "token_url": "https://auth.example/t"}


def parsed(settings: dict[str, Any], task_type: TaskType = TaskType.TEXT_EMBEDDING) -> OpenAISettings:
    return parse_service_settings(Fields({"model_id": "m"} | settings, SCOPE), task_type, CHECK)


def problem_of(settings: dict[str, Any], task_type: TaskType = TaskType.TEXT_EMBEDDING) -> str:
    with pytest.raises(ValidationFailed) as failed:
        parsed(settings, task_type)
    return failed.value.reason


ROWS = [
    ("required missing", {"model_id": None}, "[service_settings] does not contain the required setting [model_id]"),
    (
        "empty string",
        {"model_id": ""},
        "[service_settings] Invalid value empty string. [model_id] must be a non-empty string",
    ),
    (
        "wrong type",
        {"model_id": 123},
        "field [model_id] is not of the expected type. The value [123] cannot be converted to a [String]",
    ),
    (
        "wrong type",
        {"dimensions": 1.5},
        "field [dimensions] is not of the expected type. The value [1.5] cannot be converted to a [Integer]",
    ),
    (
        "wrong type",
        {"dimensions": True},
        "field [dimensions] is not of the expected type. The value [true] cannot be converted to a [Integer]",
    ),
    (
        "wrong type",
        {"dimensions": 2**31},
        "field [dimensions] is not of the expected type. The value [2147483648] cannot be converted to a [Integer]",
    ),
    (
        "wrong type",
        {"rate_limit": 5},
        "field [rate_limit] is not of the expected type. The value [5] cannot be converted to a [Map]",
    ),
    (
        "wrong type, number setting",
        {"rate_limit": {"requests_per_minute": "abc"}},
        "field [requests_per_minute] is not of one of the expected types. "
        "The value [abc] cannot be converted to one of [Integer, Long]",
    ),
    (
        "not positive int",
        {"dimensions": 0},
        "[service_settings] Invalid value [0]. [dimensions] must be a positive integer",
    ),
    (
        "not positive int",
        {"max_input_tokens": -1},
        "[service_settings] Invalid value [-1]. [max_input_tokens] must be a positive integer",
    ),
    (
        "not positive long",
        {"rate_limit": {"requests_per_minute": 0}},
        "[rate_limit] Invalid value [0]. [requests_per_minute] must be a positive long",
    ),
    (
        "bad similarity",
        {"similarity": "near"},
        "[service_settings] Invalid value [near] received. [similarity] must be one of [cosine, dot_product, l2_norm]",
    ),
    (
        "bad URL",
        {"url": "^^"},
        "[service_settings] Invalid url [^^] received for field [url]. Error: unable to parse url [^^]. "
        "Reason: only http and https can be called",
    ),
    (
        "bad URL",
        {"url": "http://127.0.0.1/"},
        "[service_settings] Invalid url [http://127.0.0.1/] received for field [url]. Error: unable to parse url "
        "[http://127.0.0.1/]. Reason: the address is not allowed by [upstream] private_networks and allow",
    ),
    (
        "bad URL",
        {"url": "http://me:secret@example.com/"},
        "[service_settings] Invalid url [***] received for field [url]. Error: unable to parse url [***]. "
        "Reason: a user or password in a URL is not allowed",
    ),
    (
        "unknown key in rate_limit",
        {"rate_limit": {"foo": "bar"}},
        "Rate limit settings contain unknown entries [{foo=bar}]",
    ),
    (
        "OAuth2 fields incomplete",
        {"client_id": "c", "scopes": ["a"]},
        "[service_settings] all OpenAI OAuth2 fields must be provided together; missing: [token_url]",
    ),
    (
        "OAuth2 fields incomplete",
        {"token_url": "https://auth.example/t"},
        "[service_settings] all OpenAI OAuth2 fields must be provided together; missing: [client_id, scopes]",
    ),
    (
        "only one of client_id/scopes",
        {"client_id": "c"},
        "[service_settings] OAuth2 fields [client_id, scopes] must be provided together; missing: [scopes]",
    ),
    (
        "only one of client_id/scopes",
        {"scopes": ["c"], "token_url": "https://auth.example/t"},
        "[service_settings] OAuth2 fields [client_id, scopes] must be provided together; missing: [client_id]",
    ),
]


@pytest.mark.parametrize(("settings", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_row_of_1_3(settings: dict[str, Any], message: str) -> None:
    assert problem_of(settings) == f"Validation Failed: 1: {message};"


def test_all_problems_are_told_at_once_in_elasticsearchs_order() -> None:
    reason = problem_of({"dimensions": 0, "url": "^", "similarity": "x", "model_id": "", "max_input_tokens": 0})
    places = [reason.index(f"[{name}]") for name in ("url", "similarity", "max_input_tokens", "dimensions", "model_id")]
    assert places == sorted(places)
    assert reason.count("must be") == 4


@pytest.mark.parametrize(
    ("task_type", "rate"),
    [
        (TaskType.TEXT_EMBEDDING, 3000),
        (TaskType.EMBEDDING, 3000),
        (TaskType.COMPLETION, 500),
        (TaskType.CHAT_COMPLETION, 500),
    ],
)
def test_the_default_rate_is_that_of_the_task(task_type: TaskType, rate: int) -> None:
    assert parsed({}, task_type).rate_limit.requests_per_minute == rate
    assert parsed({"rate_limit": {}}, task_type).rate_limit.requests_per_minute == rate


def test_the_form_shown_is_in_order_and_hides_what_is_internal() -> None:
    settings = parsed(
        {
            "rate_limit": {"requests_per_minute": 7},
            "dimensions": 3,
            "similarity": "COSINE",
            "url": "https://example.com/v1",
            "organization_id": "o",
            "max_input_tokens": 9,
        }
        | OAUTH2
    )
    assert msgspec.json.encode(settings.shown()) == (
        b'{"client_id":"c","scopes":["a","b"],"token_url":"https://auth.example/t","model_id":"m",'
        b'"url":"https://example.com/v1","organization_id":"o","similarity":"cosine","dimensions":3,'
        b'"max_input_tokens":9,"rate_limit":{"requests_per_minute":7}}'
    )
    assert settings.stored() == settings.shown() | {"dimensions_set_by_user": True}
    assert msgspec.convert(settings.stored(), OpenAISettings) == settings


@pytest.mark.parametrize("task_type", [TaskType.COMPLETION, TaskType.CHAT_COMPLETION])
def test_what_only_embeddings_have_is_left_over_elsewhere(task_type: TaskType) -> None:
    fields = Fields({"model_id": "m", "dimensions": 3, "similarity": "cosine"}, SCOPE)
    parse_service_settings(fields, task_type, CHECK)
    assert fields.leftover == {"dimensions": 3, "similarity": "cosine"}


def test_an_update_changes_what_may_change() -> None:
    old = parsed({"dimensions": 3} | OAUTH2)
    fields = Fields(
        {
            "organization_id": "o",
            "max_input_tokens": 5,
            "rate_limit": {"requests_per_minute": 8},
            "client_id": "other",
            "scopes": ["z"],
            "token_url": "https://auth.example/other",
            "model_id": "left",
        },
        SCOPE,
    )
    new = update_service_settings(old, fields, CHECK)
    assert new.shown() | {"model_id": "m"} == {
        "client_id": "other",
        "scopes": ("z",),
        "token_url": "https://auth.example/other",
        "model_id": "m",
        "organization_id": "o",
        "dimensions": 3,
        "max_input_tokens": 5,
        "rate_limit": {"requests_per_minute": 8},
    }
    assert fields.leftover == {"model_id": "left"}


@pytest.mark.parametrize("settings", [{}, OAUTH2])
def test_an_update_of_nothing_changes_nothing(settings: dict[str, Any]) -> None:
    old = parsed({"organization_id": "o", "max_input_tokens": 5} | settings)
    assert update_service_settings(old, Fields({}, SCOPE), CHECK) == old


def test_oauth2_cannot_be_added_by_an_update() -> None:
    fields = Fields({"client_id": "c"}, SCOPE)
    update_service_settings(parsed({}), fields, CHECK)
    assert fields.leftover == {"client_id": "c"}


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
    assert parse_task_settings({"user": "u", "headers": {"X-A": "b", "X-B": None}}) == OpenAITaskSettings(
        user="u", headers={"X-A": "b"}
    )
    assert parse_task_settings(None) == parse_task_settings({"headers": {}}) == OpenAITaskSettings()


TASK_ROWS = [
    ({"user": ""}, "[task_settings] Invalid value empty string. [user] must be a non-empty string"),
    (
        {"headers": {"X-A": 1}},
        "Map field [headers] has an entry that is not valid, [X-A => 1]. "
        "Value type of [Integer] is not one of [String].",
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
        parse_task_settings(settings)
    assert failed.value.reason == f"Validation Failed: 1: {message};"


def test_unknown_task_settings_are_refused() -> None:
    with pytest.raises(StatusFailure) as failed:
        parse_task_settings({"usr": "u"})
    assert (failed.value.status, failed.value.reason) == (400, "[task_settings] unknown field [usr]")


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
    assert override_task_settings(OpenAITaskSettings(user="u", headers={"X": "1"}), given) == result


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=3,
)
NAMES = st.sampled_from(
    ["model_id", "url", "organization_id", "dimensions", "similarity", "max_input_tokens", "rate_limit", "foo"]
    + ["client_id", "scopes", "token_url", "api_key", "client_secret", "user", "headers", "requests_per_minute"]
)


@given(st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON)), st.sampled_from([*TaskType]))
def test_any_settings_are_taken_or_refused(settings: dict[str, Any], task_type: TaskType) -> None:
    if task_type not in (TaskType.COMPLETION, TaskType.CHAT_COMPLETION, TaskType.EMBEDDING):
        task_type = TaskType.TEXT_EMBEDDING
    fields = Fields(settings, SCOPE)
    secrets = fields.split("api_key", "client_secret")
    for attempt in (
        lambda: parse_service_settings(fields, task_type, CHECK),
        lambda: parse_secrets(secrets, oauth2=False),
        lambda: parse_task_settings(settings),
        lambda: update_service_settings(OpenAISettings(model_id="m", rate_limit=RateLimitSettings(1)), fields, CHECK),
    ):
        try:
            attempt()
        except Failure as failure:
            assert failure.status == 400
