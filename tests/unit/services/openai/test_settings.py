"""Settings of the openai service: the messages of elasticsearch-openai.md 1.3 by row, updates, what stays hidden."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import Failure, ValidationFailed
from inferd.schema.endpoint import TaskType
from inferd.services.fields import Fields
from inferd.services.openai.settings import (
    SCOPE,
    OpenAISettings,
    RateLimitSettings,
    parse_secrets,
    parse_service_settings,
    parse_task_settings,
    task_fields,
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
    assert settings.requests_per_minute == settings.rate_limit.requests_per_minute
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
        lambda: parse_task_settings(task_fields(settings)),
        lambda: update_service_settings(OpenAISettings(model_id="m", rate_limit=RateLimitSettings(1)), fields, CHECK),
    ):
        try:
            attempt()
        except Failure as failure:
            assert failure.status == 400
