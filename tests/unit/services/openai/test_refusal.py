"""The table of elasticsearch-openai.md 5.2, row by row, and what an error says of itself."""

import msgspec
import pytest

from inferd.errors import UpstreamRefusal, chat_envelope
from inferd.schema.endpoint import Secrets
from inferd.services.openai.refusal import RefusedRequest, UpstreamError, is_too_large, told_status, upstream_error
from inferd.upstream.errand import Refusal

URL = "https://api.example/v1/embeddings"
TOO_LONG = "This model holds 8192 tokens. Please reduce your prompt; or completion length."
SECRETS = Secrets({"api_key": "sk-secret"})


def refused(
    status: int, message: str = "no", *, embeddings: bool = True, compat: bool = False, **headers: str
) -> Refusal:
    request = RefusedRequest("abc", URL, SECRETS, embeddings, compat)
    body = msgspec.json.encode({"error": {"message": message, "type": "t"}})
    return request.refusal(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


TABLE = [
    (500, "no", "Received a server error status code", 502, True),
    (503, "no", "Received a server busy error status code", 503, True),
    (501, "no", "Received a server error status code", 502, False),
    (502, "no", "Received a server error status code", 502, True),
    (504, "no", "Received a server error status code", 504, True),
    (599, "no", "Received a server error status code", 502, False),
    (413, "no", "Received a content too large status code", 413, False),
    (400, TOO_LONG, "Received a content too large status code", 400, False),
    (401, "no", "Received an authentication error status code", 401, False),
    (300, "no", "Unhandled redirection", 300, False),
    (304, "no", "Unhandled redirection", 400, False),
    (307, "no", "Unhandled redirection", 307, False),
    (308, "no", "Unhandled redirection", 400, False),
    (422, "no", "Received an input validation error response", 422, False),
    (400, "no", "Received a bad request status code", 400, False),
    (404, "no", f"Resource not found at [{URL}]", 404, False),
    (402, "no", "Received an unsuccessful status code", 402, False),
    (403, "no", "Received an unsuccessful status code", 403, False),
    (405, "no", "Received an unsuccessful status code", 405, False),
    (409, "no", "Received an unsuccessful status code", 409, False),
    (418, "no", "Received an unsuccessful status code", 400, False),
    (451, "no", "Received an unsuccessful status code", 400, False),
]


@pytest.mark.parametrize("embeddings", [True, False])
@pytest.mark.parametrize(("status", "message", "prefix", "told", "again"), TABLE)
def test_a_row_of_the_table(
    status: int, message: str, prefix: str, told: int, again: bool, embeddings: bool
) -> None:
    refusal = refused(status, message, embeddings=embeddings)
    assert isinstance(refusal.failure, UpstreamRefusal)
    assert refusal.failure.reason == (
        f"{prefix} for request from inference entity id [abc] status [{status}]. Error message: [{message}]"
    )
    assert (refusal.failure.status, refusal.failure.upstream_status, refusal.again) == (told, status, again)


def test_whatever_a_client_is_told_has_a_name_in_a_chat() -> None:
    for status in range(300, 600):
        error = chat_envelope(UpstreamRefusal("x", told_status(status)))["error"]
        assert error["code"] != "internal_server_error", status


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504])
def test_upstream_5xx_as_400(status: int) -> None:
    assert refused(status, compat=True).failure.status == 400
    assert refused(429, compat=True).failure.status == 429


def test_a_429_of_embeddings_tells_the_limits() -> None:
    refusal = refused(429, x_ratelimit_limit_tokens="1000", x_ratelimit_remaining_requests="0")
    assert refusal.failure.reason == (
        "Received a rate limit status code. Token limit [1000], remaining tokens [unknown]. "
        "Request limit [unknown], remaining requests [0] for request from inference entity id [abc] status [429]. "
        "Error message: [no]"
    )
    assert (refusal.failure.status, refusal.again) == (429, True)


def test_a_429_of_chat_does_not_and_is_tried_again_all_the_same() -> None:
    refusal = refused(429, embeddings=False)
    assert refusal.failure.reason == (
        "Received a rate limit status code for request from inference entity id [abc] status [429]. "
        "Error message: [no]"
    )
    assert refusal.again


def test_retry_after_is_handed_on() -> None:
    assert refused(429, Retry_After="3").failure.headers == {"Retry-After": "3"}
    assert refused(429).failure.headers == {}


def test_a_key_in_the_url_or_the_message_is_masked() -> None:
    request = RefusedRequest("abc", "https://x/sk-secret", SECRETS, False, False)
    told = request.refusal(404, {}, b'{"error":{"message":"no sk-secret here","type":"sk-secret"}}').failure
    assert "sk-secret" not in str(chat_envelope(told))
    assert told.reason.startswith("Resource not found at [https://x/***]")


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"no","type":"t","param":"encoding_format"}}',
        b'{"error":{"message":"Unknown parameter: encoding_format","code":400}}',
        b'{"error":"base64 is not supported"}',
        b'{"detail":[{"loc":["body","encoding_format"],"msg":"Extra inputs are not permitted"}]}',
        b"unknown field `encoding_format`",
    ],
)
def test_an_encoding_that_is_not_known_is_noticed_however_it_is_said(body: bytes) -> None:
    for embeddings in (True, False):
        told = RefusedRequest("base64", URL, SECRETS, embeddings, False).refusal(422, {}, body).failure
        assert isinstance(told, UpstreamRefusal)
        assert (told.param == "encoding_format") is (embeddings or b'"param"' in body)
    other = refused(422).failure
    assert isinstance(other, UpstreamRefusal) and other.param is None


def test_a_key_in_a_header_is_masked() -> None:
    told = refused(429, x_ratelimit_limit_tokens="of sk-secret", Retry_After="sk-secret").failure
    assert told.headers == {"Retry-After": "***"}
    assert told.reason.startswith("Received a rate limit status code. Token limit [of ***], remaining tokens [unknown]")


@pytest.mark.parametrize(
    ("body", "envelope"),
    [
        (
            b'{"error":{"message":"a message","type":"not_found_error","param":"model","code":"ahh"}}',
            {
                "code": "ahh",
                "message": "Received a server error status code for request from inference entity id [abc] "
                "status [500]. Error message: [a message]",
                "param": "model",
                "type": "not_found_error",
            },
        ),
        (
            b'{"error":{"message":"a message","type":"not_found_error"}}',
            {
                "code": "bad_request",
                "message": "Received a server error status code for request from inference entity id [abc] "
                "status [500]. Error message: [a message]",
                "type": "not_found_error",
            },
        ),
        (
            b"<html>",
            {
                "code": "bad_request",
                "message": "Received a server error status code for request from inference entity id [abc] "
                "status [500]",
                "type": "UnifiedChatCompletionErrorResponse",
            },
        ),
    ],
)
def test_the_golden_cases_of_4_7(body: bytes, envelope: dict[str, str]) -> None:
    request = RefusedRequest("abc", URL, SECRETS, False, True)
    assert list(chat_envelope(request.refusal(500, {}, body).failure)["error"].items()) == list(envelope.items())


def test_an_error_without_a_type_is_not_openais_but_its_message_is_told() -> None:
    request = RefusedRequest("abc", URL, SECRETS, False, False)
    failure = request.refusal(400, {}, b'{"error":{"message":"no","code":"c"}}').failure
    assert isinstance(failure, UpstreamRefusal)
    assert failure.reason.endswith("Error message: [no]")
    assert (failure.kind, failure.code) == ("UnifiedChatCompletionErrorResponse", None)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":"model not found"}', UpstreamError("model not found")),
        (b'{"error":{"message":"m","type":"t","code":429}}', UpstreamError("m", "t", "429")),
        (b'{"error":{"message":"m","type":"t","code":true,"param":7}}', UpstreamError("m", "t")),
        (
            b'{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}',
            UpstreamError("m", "BadRequestError", "400"),
        ),
        (b'{"error":{}}', UpstreamError()),
        (b'{"error":null}', None),
        (b'{"message":"m"}', None),
        (b'["error"]', None),
        (b"", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_errors_of_other_servers(body: bytes, error: UpstreamError | None) -> None:
    assert upstream_error(body, SECRETS) == error


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("400", 400), ("404", 404), ("429", 429), ("451", 400), ("500", 502), ("503", 503), ("504", 504),
        ("200", 502), ("4000", 502), ("context_length_exceeded", 502), ("\u0664\u0660\u0660", 502), (None, 502),
    ],
)  # fmt: skip
def test_an_error_inside_an_answer_has_the_status_its_code_names(code: str | None, status: int) -> None:
    assert UpstreamError("m", "t", code).status == status


def test_told_status_is_the_rule_by_itself() -> None:
    assert [told_status(status) for status in (399, 400, 416, 500, 503)] == [400, 400, 416, 502, 503]


@pytest.mark.parametrize(("status", "message", "large"), [(413, "", True), (400, TOO_LONG, True), (400, "", False)])
def test_what_is_too_large_can_be_told(status: int, message: str, large: bool) -> None:
    failure = refused(status, message).failure
    assert isinstance(failure, UpstreamRefusal)
    assert is_too_large(failure) is large
