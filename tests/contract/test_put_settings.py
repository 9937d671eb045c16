"""``put``: each service setting that can be wrong, in Elasticsearch's words; the tests are called as the rows are.

The tables are §3.3 of elasticsearch-rest and §1.3 of elasticsearch-openai, which is the same one from another side.
"""

from typing import Any

import pytest

from tests.contract.expected import invalid, status
from tests.contract.put_body import body
from tests.served import Served

SET = "[service_settings]"
SECRETS = f"{SET} must have exactly one field of [api_key, client_secret] set"
OAUTH2: dict[str, Any] = {
    "api_key": None,
    "client_id": "c",
    "client_secret": "geheim",
    "scopes": ["a"],
    "token_url": "http://127.0.0.1:9/token",
}


def kind(name: str, value: object, java: str) -> str:
    return f"field [{name}] is not of the expected type. The value [{value}] cannot be converted to a [{java}]"


def url(name: str, value: str, reason: str) -> str:
    received = f"{SET} Invalid url [{value}] received for field [{name}]."
    return f"{received} Error: unable to parse url [{value}]. Reason: {reason}"


def rate(value: object) -> dict[str, Any]:
    return {"rate_limit": {"requests_per_minute": value}}


PRINTABLE = "must consist of printable ASCII characters"
NOT_IN_URLS = "it holds a space, a control character, a backslash or a character outside ASCII"
FORBIDDEN = "the address is not allowed by [upstream] private_networks and allow"
NUMBER = (
    "field [requests_per_minute] is not of one of the expected types. "
    "The value [{}] cannot be converted to one of [Integer, Long]"
)
SIMILARITY = f"{SET} Invalid value [foo] received. [similarity] must be one of [cosine, dot_product, l2_norm]"
ALL_OF_OAUTH2 = f"{SET} all OpenAI OAuth2 fields must be provided together; missing: "
TWO_OF_OAUTH2 = f"{SET} OAuth2 fields [client_id, scopes] must be provided together; missing: "

ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("missing required", {"model_id": None}, f"{SET} does not contain the required setting [model_id]"),
    ("empty string", {"model_id": ""}, f"{SET} Invalid value empty string. [model_id] must be a non-empty string"),
    (
        "empty string: organization_id",
        {"organization_id": ""},
        f"{SET} Invalid value empty string. [organization_id] must be a non-empty string",
    ),
    ("empty string: url", {"url": ""}, f"{SET} Invalid value empty string. [url] must be a non-empty string"),
    ("wrong type: String", {"model_id": 123}, kind("model_id", 123, "String")),
    ("wrong type: String, a map", {"url": {"a": [1, None]}}, kind("url", "{a=[1, null]}", "String")),
    ("wrong type: String, of a header", {"organization_id": 5}, kind("organization_id", 5, "String")),
    ("wrong type: Integer, a fraction", {"dimensions": 1.5}, kind("dimensions", 1.5, "Integer")),
    ("wrong type: Integer, a string", {"dimensions": "3"}, kind("dimensions", 3, "Integer")),
    ("wrong type: Integer, a boolean", {"max_input_tokens": True}, kind("max_input_tokens", "true", "Integer")),
    ("wrong type: Integer, a long", {"dimensions": 2**31}, kind("dimensions", 2**31, "Integer")),
    ("wrong type: Map", {"rate_limit": 5}, kind("rate_limit", 5, "Map")),
    ("wrong type: List", OAUTH2 | {"scopes": "a"}, kind("scopes", "a", "List")),
    ("wrong type: List, an element", OAUTH2 | {"scopes": ["a", 1]}, kind("scopes", 1, "String")),
    ("wrong type, several allowed", rate("abc"), NUMBER.format("abc")),
    ("wrong type, several allowed: a fraction", rate(1.5), NUMBER.format(1.5)),
    ("wrong type, several allowed: too long", rate(2**63), NUMBER.format(2**63)),
    ("non-positive integer", {"dimensions": 0}, f"{SET} Invalid value [0]. [dimensions] must be a positive integer"),
    (
        "non-positive integer: negative",
        {"max_input_tokens": -7},
        f"{SET} Invalid value [-7]. [max_input_tokens] must be a positive integer",
    ),
    (
        "non-positive rate limit",
        rate(-1),
        "[rate_limit] Invalid value [-1]. [requests_per_minute] must be a positive long",
    ),
    (
        "non-positive rate limit: zero",
        rate(0),
        "[rate_limit] Invalid value [0]. [requests_per_minute] must be a positive long",
    ),
    (
        "unknown key in rate_limit",
        {"rate_limit": {"foo": "bar"}},
        "Rate limit settings contain unknown entries [{foo=bar}]",
    ),
    ("bad similarity", {"similarity": "foo"}, SIMILARITY),
    ("bad similarity: wrong type", {"similarity": ["cosine"]}, kind("similarity", "[cosine]", "String")),
    ("bad url", {"url": "^^"}, url("url", "^^", "only http and https can be called")),
    ("bad url: no scheme", {"url": "/v1"}, url("url", "/v1", "only http and https can be called")),
    ("bad url: a file", {"url": "file:///x"}, url("url", "file:///x", "only http and https can be called")),
    ("bad url: no host", {"url": "http:///v1"}, url("url", "http:///v1", "it names no host")),
    ("bad url: port", {"url": "http://h:x/"}, url("url", "http://h:x/", "its host or port cannot be read")),
    ("bad url: port 0", {"url": "http://h:0/"}, url("url", "http://h:0/", "port 0 cannot be connected to")),
    ("bad url: bracket", {"url": "http://[::1/"}, url("url", "http://[::1/", "its host or port cannot be read")),
    ("bad url: fragment", {"url": "http://h/#f"}, url("url", "http://h/#f", "a fragment is not allowed")),
    ("bad url: space", {"url": "http://h/a b"}, url("url", "http://h/a b", NOT_IN_URLS)),
    ("bad url: line end", {"url": "http://h/\r\nX: y"}, url("url", "http://h/\r\nX: y", NOT_IN_URLS)),
    ("bad url: not ASCII", {"url": "http://é/"}, url("url", "http://é/", NOT_IN_URLS)),
    ("bad url: password", {"url": "http://u:pw@h/"}, url("url", "***", "a user or password in a URL is not allowed")),
    ("bad url: metadata", {"url": "http://169.254.169.254/"}, url("url", "http://169.254.169.254/", FORBIDDEN)),
    ("bad url: metadata, spelt oddly", {"url": "http://0xa9fea9fe/"}, url("url", "http://0xa9fea9fe/", FORBIDDEN)),
    ("bad url: token_url", OAUTH2 | {"token_url": "^^"}, url("token_url", "^^", "only http and https can be called")),
    ("no secret", {"api_key": None}, SECRETS),
    ("both secrets", {"client_secret": "s"}, f"{SECRETS}, received: [api_key, client_secret]"),
    (
        "empty secret",
        {"api_key": ""},
        "[secret_settings] Invalid value empty string. [api_key] must be a non-empty string",
    ),
    (
        "empty secret: client_secret",
        OAUTH2 | {"client_secret": ""},
        "[secret_settings] Invalid value empty string. [client_secret] must be a non-empty string",
    ),
    ("a secret of the wrong type is not repeated", {"api_key": ["geheim"]}, kind("api_key", "***", "String")),
    (
        "a secret that is no header value",
        {"api_key": "a\r\nb"},
        f"[secret_settings] Invalid value. [api_key] {PRINTABLE}",
    ),
    (
        "a secret that is too long",
        {"api_key": "s" * 4097},
        "[secret_settings] Invalid value. [api_key] must not be longer than 4096 characters",
    ),
    (
        "an organization that is no header value",
        {"organization_id": "a\0"},
        f"{SET} Invalid value. [organization_id] {PRINTABLE}",
    ),
    ("OAuth2 partly given: no scopes", OAUTH2 | {"scopes": None}, f"{TWO_OF_OAUTH2}[scopes]"),
    ("OAuth2 partly given: no client_id", OAUTH2 | {"client_id": None}, f"{TWO_OF_OAUTH2}[client_id]"),
    ("OAuth2 partly given: no token_url", OAUTH2 | {"token_url": None}, f"{ALL_OF_OAUTH2}[token_url]"),
    (
        "OAuth2 partly given: only token_url",
        OAUTH2 | {"client_id": None, "scopes": None},
        f"{ALL_OF_OAUTH2}[client_id, scopes]",
    ),
    (
        "client_secret without the fields",
        {"api_key": None, "client_secret": "s"},
        "OAuth2 requires the fields [client_id, scopes, token_url], to be set.",
    ),
    (
        "the fields with an api_key",
        OAUTH2 | {"client_secret": None, "api_key": "k"},
        f"{SET} OAuth2 fields are used with [client_secret], received: [api_key]",
    ),
    (
        "OAuth2: no scope",
        OAUTH2 | {"scopes": []},
        f"{SET} Invalid value empty list. [scopes] must be a non-empty list",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "problem"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
async def test_a_setting_that_is_wrong_is_named(inferd: Served, settings: dict[str, Any], problem: str) -> None:
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", body(**settings))
    assert (answer.status, answer.body) == (400, invalid(problem))
    assert "geheim" not in answer.text + inferd.log
    assert inferd.simulator.requests == 0


async def test_problems_are_numbered_in_their_order(inferd: Served) -> None:
    wrong = body(
        rate_limit={"requests_per_minute": 0}, model_id=None, dimensions=0, max_input_tokens=-5, similarity="foo",
        organization_id="", url="^^", client_id="c", api_key="",
    )  # fmt: skip
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", wrong)
    assert answer.body == invalid(
        url("url", "^^", "only http and https can be called"),
        f"{SET} Invalid value empty string. [organization_id] must be a non-empty string",
        SIMILARITY,
        f"{SET} Invalid value [-5]. [max_input_tokens] must be a positive integer",
        f"{SET} Invalid value [0]. [dimensions] must be a positive integer",
        f"{SET} does not contain the required setting [model_id]",
        "[rate_limit] Invalid value [0]. [requests_per_minute] must be a positive long",
        f"{TWO_OF_OAUTH2}[scopes]",
    )


@pytest.mark.parametrize(
    "name",
    ["url", "organization_id", "similarity", "max_input_tokens", "dimensions", "rate_limit", "client_id", "scopes",
     "token_url", "client_secret"],
)  # fmt: skip
async def test_null_counts_as_absent(inferd: Served, name: str) -> None:
    document = body()
    document["service_settings"][name] = None
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", document)
    assert (answer.status, answer.json["service_settings"].get(name, None) is None) == (
        200,
        name not in ("similarity", "dimensions", "rate_limit"),
    )


UNKNOWN: list[tuple[str, str, dict[str, Any], str]] = [
    ("any other key", "text_embedding", {"foo": [1, {"a": None}]}, "foo=[1, {a=null}]"),
    ("the service is always float", "embedding", {"embedding_type": "byte"}, "embedding_type=byte"),
    ("our own affair", "text_embedding", {"dimensions_set_by_user": True}, "dimensions_set_by_user=true"),
    ("only embeddings have dimensions", "completion", {"dimensions": 3}, "dimensions=3"),
    ("only embeddings have a similarity", "chat_completion", {"similarity": "cosine"}, "similarity=cosine"),
    ("a misspelt secret is not repeated", "completion", {"apikey": "geheim"}, "apikey=***"),
]


@pytest.mark.parametrize(("task_type", "extra", "told"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
async def test_a_setting_that_is_unknown(inferd: Served, task_type: str, extra: dict[str, Any], told: str) -> None:
    answer = await inferd.ask("PUT", f"/_inference/{task_type}/e", body(**extra))
    text = f"Configuration contains settings [{{{told}}}] unknown to the [openai] service"
    assert (answer.status, answer.body) == (400, status(text))
    assert "geheim" not in answer.text + inferd.log
