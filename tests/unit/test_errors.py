"""Failures and the two documents that tell of them, key by key."""

import msgspec
import pytest

from inferd.errors import (
    AccessDenied,
    BodyMissing,
    EndpointExists,
    EndpointNotFound,
    Failure,
    FlatFailure,
    IllegalArgument,
    MalformedContent,
    MediaTypeInvalid,
    RequestInvalid,
    RequestTimedOut,
    StatusFailure,
    TruncatedContent,
    UpstreamRefusal,
    UpstreamUnreachable,
    ValidationFailed,
    chat_envelope,
    envelope,
    status_name,
)


def caused(failure: Failure, cause: BaseException) -> Failure:
    failure.__cause__ = cause
    return failure


def text(document: object) -> str:
    return msgspec.json.encode(document).decode()


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        (StatusFailure("r"), "status_exception", 400),
        (StatusFailure("r", 503), "status_exception", 503),
        (UpstreamRefusal("r", 404), "status_exception", 404),
        (UpstreamUnreachable("r", 502), "status_exception", 502),
        (EndpointNotFound("r"), "resource_not_found_exception", 404),
        (EndpointExists("r"), "resource_already_exists_exception", 400),
        (IllegalArgument("r"), "illegal_argument_exception", 400),
        (MalformedContent("r"), "x_content_parse_exception", 400),
        (TruncatedContent("r"), "x_content_e_o_f_exception", 400),
        (BodyMissing("r"), "parse_exception", 400),
        (MediaTypeInvalid("r"), "media_type_header_exception", 400),
        (AccessDenied("r", 401), "security_exception", 401),
        (AccessDenied("r", 403), "security_exception", 403),
    ],
)
def test_a_failure_is_told_in_an_envelope(failure: Failure, kind: str, status: int) -> None:
    summary = f'{{"type":"{kind}","reason":"r"}}'
    assert text(envelope(failure)) == (
        f'{{"error":{{"root_cause":[{summary}],"type":"{kind}","reason":"r"}},"status":{status}}}'
    )
    assert str(failure) == failure.reason == "r"


def test_a_timeout_says_so_after_its_reason_and_in_a_header() -> None:
    failure = RequestTimedOut("r")
    summary = '"type":"timeout_exception","reason":"r","timed_out":true'
    assert text(envelope(failure)) == f'{{"error":{{"root_cause":[{{{summary}}}],{summary}}},"status":429}}'
    assert failure.headers == {"X-Timed-Out": "?1"}


def test_metadata_comes_after_the_reason() -> None:
    for failure in (StatusFailure("r", metadata={"a": 1}), AccessDenied("r", 401, metadata={"a": 1})):
        assert list(envelope(failure)["error"].items())[1:] == [("type", failure.type), ("reason", "r"), ("a", 1)]


def test_headers_go_with_it() -> None:
    for failure in (
        StatusFailure("r", headers={"Retry-After": "1"}),
        UpstreamRefusal("r", 429, headers={"Retry-After": "1"}),
        FlatFailure("r", 405, headers={"Retry-After": "1"}),
    ):
        assert failure.headers == {"Retry-After": "1"}


def test_a_cause_that_is_a_failure_is_told_and_is_the_root() -> None:
    failure = caused(StatusFailure("a"), caused(StatusFailure("b", 404), MalformedContent("c")))
    assert text(envelope(failure)) == (
        '{"error":{"root_cause":[{"type":"x_content_parse_exception","reason":"c"}],"type":"status_exception",'
        '"reason":"a","caused_by":{"type":"status_exception","reason":"b","caused_by":'
        '{"type":"x_content_parse_exception","reason":"c"}}},"status":400}'
    )


def test_javas_own_exceptions_are_not_unwrapped_to_find_the_root() -> None:
    failure = caused(IllegalArgument("a"), StatusFailure("b"))
    assert envelope(failure)["error"]["root_cause"] == [{"type": "illegal_argument_exception", "reason": "a"}]
    assert envelope(failure)["error"]["caused_by"] == {"type": "status_exception", "reason": "b"}


def test_another_cause_is_nobodys_business() -> None:
    failure = caused(StatusFailure("a"), ValueError("sk-secret"))
    assert failure.cause is None
    assert "sk-secret" not in text(envelope(failure))


def test_problems_are_numbered() -> None:
    assert ValidationFailed(["one", "two"]).reason == "Validation Failed: 1: one;2: two;"
    assert RequestInvalid(["one"]).reason == "Validation Failed: 1: one;"
    assert ValidationFailed.type == "validation_exception"
    assert RequestInvalid.type == "action_request_validation_exception"


def test_an_endpoint_that_is_not_there_or_there_already_is_named() -> None:
    assert EndpointNotFound.of("e").reason == "Inference endpoint not found [e]"
    assert EndpointExists.of("e").reason == "Inference endpoint [e] already exists"


@pytest.mark.parametrize(
    ("failure", "document"),
    [
        (FlatFailure("r", 405), '{"error":"r","status":405}'),
        (FlatFailure("r", 400, show_status=False), '{"error":"r"}'),
    ],
)
def test_what_is_refused_before_any_handler_is_flat(failure: FlatFailure, document: str) -> None:
    assert text(envelope(failure)) == document


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (
            UpstreamRefusal("r", 400, kind="t", code="c", param="p"),
            '{"code":"c","message":"r","param":"p","type":"t"}',
        ),
        (UpstreamRefusal("r", 400, kind="t"), '{"code":"bad_request","message":"r","type":"t"}'),
        (
            UpstreamRefusal("r", 502),
            '{"code":"bad_gateway","message":"r","type":"UnifiedChatCompletionErrorResponse"}',
        ),
        (RequestTimedOut("r"), '{"code":"too_many_requests","message":"r","type":"timeout_exception"}'),
        (EndpointNotFound("r"), '{"code":"not_found","message":"r","type":"resource_not_found_exception"}'),
    ],
)
def test_a_chats_failure_is_in_openais_shape(failure: Failure, error: str) -> None:
    assert text(chat_envelope(failure)) == f'{{"error":{error}}}'


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (302, "found"),
        (407, "proxy_authentication"),
        (413, "request_entity_too_large"),
        (416, "requested_range_not_satisfied"),
        (422, "unprocessable_entity"),
        (599, "internal_server_error"),
    ],
)
def test_statuses_have_elasticsearchs_names(status: int, name: str) -> None:
    assert status_name(status) == name
