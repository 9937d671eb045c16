"""Reading settings field by field: Elasticsearch's words for every problem, and no secret in any of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import StatusFailure, ValidationFailed
from inferd.services.fields import MAX_HEADER_VALUE, Fields, header_problem, masked, object_in, refuse_unknown, shown


def fields(**settings: Any) -> Fields:
    return Fields(settings, "service_settings")


def test_what_is_taken_is_gone_and_the_settings_given_stay_whole() -> None:
    given_settings = {"a": "x", "b": 1, "c": None}
    read = Fields(given_settings, "service_settings")
    assert (read.string("a"), read.positive_integer("b"), read.string("c")) == ("x", 1, None)
    assert read.leftover == {}
    assert given_settings == {"a": "x", "b": 1, "c": None}
    read.done()


def test_null_counts_as_absent() -> None:
    read = fields(a=None)
    assert not read.has("a")
    assert fields(a=0).has("a")
    assert [read.string("a"), read.strings("a"), read.choice("a", ["x"]), read.header_value("a")] == [None] * 4
    assert [read.positive_integer("a"), read.requests_per_minute()] == [None, None]
    assert read.problems == []


@pytest.mark.parametrize(
    ("read", "settings", "problem"),
    [
        (lambda f: f.string("a", required=True), {}, "[service_settings] does not contain the required setting [a]"),
        (
            lambda f: f.string("a", required=True),
            {"a": ""},
            "[service_settings] Invalid value empty string. [a] must be a non-empty string",
        ),
        (
            lambda f: f.string("a", required=True),
            {"a": [1, {"b": None}]},
            "field [a] is not of the expected type. The value [[1, {b=null}]] cannot be converted to a [String]",
        ),
        (
            lambda f: f.string("a"),
            {"a": True},
            "field [a] is not of the expected type. The value [true] cannot be converted to a [String]",
        ),
        (
            lambda f: f.string("my_password"),
            {"my_password": 1234},
            "field [my_password] is not of the expected type. The value [***] cannot be converted to a [String]",
        ),
        (
            lambda f: f.positive_integer("a"),
            {"a": 2**31},
            "field [a] is not of the expected type. The value [2147483648] cannot be converted to a [Integer]",
        ),
        (
            lambda f: f.positive_integer("a"),
            {"a": 5.0},
            "field [a] is not of the expected type. The value [5.0] cannot be converted to a [Integer]",
        ),
        (
            lambda f: f.positive_integer("a"),
            {"a": 0},
            "[service_settings] Invalid value [0]. [a] must be a positive integer",
        ),
        (
            lambda f: f.choice("a", ["y", "x"]),
            {"a": "z"},
            "[service_settings] Invalid value [z] received. [a] must be one of [x, y]",
        ),
        (
            lambda f: f.strings("a"),
            {"a": "x"},
            "field [a] is not of the expected type. The value [x] cannot be converted to a [List]",
        ),
        (
            lambda f: f.strings("a"),
            {"a": ["x", 1]},
            "field [a] is not of the expected type. The value [1] cannot be converted to a [String]",
        ),
        (
            lambda f: f.strings("a"),
            {"a": ["x", ""]},
            "[service_settings] Invalid value empty string. [a] must be a non-empty string",
        ),
        (
            lambda f: f.strings("a"),
            {"a": []},
            "[service_settings] Invalid value empty list. [a] must be a non-empty list",
        ),
        (
            lambda f: f.header_value("a"),
            {"a": ""},
            "[service_settings] Invalid value empty string. [a] must be a non-empty string",
        ),
        (
            lambda f: f.header_value("a", scope="secret_settings"),
            {"a": "ü"},
            "[secret_settings] Invalid value. [a] must consist of printable ASCII characters",
        ),
        (
            lambda f: f.header_value("a"),
            {"a": 123456},
            "field [a] is not of the expected type. The value [123456] cannot be converted to a [String]",
        ),
        (
            lambda f: f.header_value("api_key"),
            {"api_key": 123456},
            "field [api_key] is not of the expected type. The value [***] cannot be converted to a [String]",
        ),
        (
            lambda f: f.requests_per_minute(),
            {"rate_limit": {"requests_per_minute": 2**63}},
            "field [requests_per_minute] is not of one of the expected types. "
            "The value [9223372036854775808] cannot be converted to one of [Integer, Long]",
        ),
        (
            lambda f: f.requests_per_minute(),
            {"rate_limit": {"requests_per_minute": -1}},
            "[rate_limit] Invalid value [-1]. [requests_per_minute] must be a positive long",
        ),
        (
            lambda f: f.requests_per_minute(),
            {"rate_limit": {"token": "t"}},
            "Rate limit settings contain unknown entries [{token=***}]",
        ),
    ],
)
def test_a_problem_is_told_once_and_the_field_reads_as_absent(
    read: Any, settings: dict[str, Any], problem: str
) -> None:
    made = Fields(settings, "service_settings")
    assert read(made) is None
    assert made.problems == [problem]
    with pytest.raises(ValidationFailed) as failed:
        made.done()
    assert failed.value.reason == f"Validation Failed: 1: {problem};"


def test_what_is_right_is_read() -> None:
    rate_limit = {"requests_per_minute": 2**63 - 1}
    read = fields(a="x", b=2**31 - 1, c="COSINE", d=["x", "y"], e="key 1", rate_limit=rate_limit)
    assert read.string("a", required=True) == "x"
    assert read.positive_integer("b") == 2**31 - 1
    assert read.choice("c", ["cosine"]) == "cosine"
    assert read.strings("d") == ("x", "y")
    assert read.header_value("e") == "key 1"
    assert read.requests_per_minute() == 2**63 - 1


def test_a_rate_limit_that_says_nothing_is_none() -> None:
    assert fields(rate_limit={}).requests_per_minute() is None


def test_fields_are_split_off_with_problems_of_their_own() -> None:
    read = fields(api_key="", a="x")
    apart = read.split("api_key", "client_secret")
    assert apart.header_value("api_key") is None
    assert (len(apart.problems), read.problems, read.leftover) == (1, [], {"a": "x"})


@pytest.mark.parametrize(
    ("body", "found"), [({}, None), ({"a": None}, None), ({"a": {}}, {}), ({"a": {"b": 1}}, {"b": 1})]
)
def test_an_object_is_taken_out(body: dict[str, Any], found: object) -> None:
    assert object_in(body, "a") == found
    assert body == {}


@pytest.mark.parametrize(("value", "told"), [("x", "x"), (5, "5"), ([{"api_key": "sk"}], "[{api_key=***}]")])
def test_what_is_no_object_is_refused(value: object, told: str) -> None:
    with pytest.raises(ValidationFailed) as failed:
        object_in({"a": value}, "a")
    assert failed.value.reason == (
        "Validation Failed: 1: field [a] is not of the expected type. "
        f"The value [{told}] cannot be converted to a [Map];"
    )


def test_the_first_that_is_left_over_is_refused() -> None:
    refuse_unknown("openai", {}, {})
    with pytest.raises(StatusFailure) as refused:
        refuse_unknown("openai", {}, {"foo": {"a": 1}, "password": "p"}, {"bar": 1})
    assert refused.value.reason == (
        "Configuration contains settings [{foo={a=1}, password=***}] unknown to the [openai] service"
    )


@pytest.mark.parametrize(
    "name", ["api_key", "API-KEY", "secret", "access_token", "Password", "Authorization", "credentials"]
)
def test_what_looks_like_a_secret_is_not_shown_at_any_depth(name: str) -> None:
    assert masked({"a": [{name: {"x": "sk-1"}}], "b": 1}) == {"a": [{name: "***"}], "b": 1}
    assert shown({name: "sk-1"}) == f"{{{name}=***}}"


def test_a_url_with_a_password_is_not_shown() -> None:
    assert shown({"a": ["http://me:secret@host/", "http://host/", "me@host"]}) == "{a=[***, http://host/, me@host]}"


def test_a_number_of_tokens_is_no_secret() -> None:
    assert shown({"max_input_tokens": "5"}) == "{max_input_tokens=5}"


@pytest.mark.parametrize("value", ["", " ", "~", "a" * MAX_HEADER_VALUE])
def test_what_may_stand_in_a_header(value: str) -> None:
    assert header_problem(value) is None


@given(st.text(min_size=1))
def test_only_printable_ascii_reaches_a_header(value: str) -> None:
    assert (header_problem(value) is None) == (value.isascii() and value.isprintable())


def test_nor_anything_longer_than_the_limit() -> None:
    assert header_problem("a" * (MAX_HEADER_VALUE + 1)) == "must not be longer than 4096 characters"
