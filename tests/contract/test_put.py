"""``put``: making an endpoint; answers, order of checks and texts of elasticsearch-rest §3.1 to §3.6."""

import asyncio
from pathlib import Path

import pytest

from tests.contract.expected import bad_request, error, invalid, malformed, status
from tests.contract.put_body import body
from tests.contract.task_types import ROWS as TASK_TYPES
from tests.contract.task_types import Row
from tests.served import Served, served

SENTENCES = '"chunking_settings":{"strategy":"sentence","max_chunk_size":250,"sentence_overlap":1}'


@pytest.mark.parametrize(
    ("task_type", "sent", "shown"),
    [
        (
            "text_embedding",
            body(model_id="text-embedding-3-small"),
            '{"inference_id":"e","task_type":"text_embedding","service":"openai","service_settings":{"model_id":'
            '"text-embedding-3-small","similarity":"dot_product","dimensions":1536,"rate_limit":'
            '{"requests_per_minute":3000}},' + SENTENCES + "}",
        ),
        (
            "embedding",
            body(dimensions=3, similarity="COSINE", max_input_tokens=100, organization_id="o"),
            '{"inference_id":"e","task_type":"embedding","service":"openai","service_settings":{"model_id":"m",'
            '"organization_id":"o","similarity":"cosine","dimensions":3,"max_input_tokens":100,"rate_limit":'
            '{"requests_per_minute":3000}},' + SENTENCES + "}",
        ),
        (
            "completion",
            body({"headers": {"X-A": "b", "X-Null": None}, "user": "u"}, rate_limit={"requests_per_minute": 7}),
            '{"inference_id":"e","task_type":"completion","service":"openai","service_settings":{"model_id":"m",'
            '"rate_limit":{"requests_per_minute":7}},"task_settings":{"user":"u","headers":{"X-A":"b"}}}',
        ),
        (
            "chat_completion",
            body({}, rate_limit=None),
            '{"inference_id":"e","task_type":"chat_completion","service":"openai","service_settings":{"model_id":"m",'
            '"rate_limit":{"requests_per_minute":500}}}',
        ),
    ],
)
async def test_the_endpoint_is_shown_as_stored_and_get_shows_the_same(
    inferd: Served, task_type: str, sent: object, shown: str
) -> None:
    answer = await inferd.ask("PUT", f"/_inference/{task_type}/e", sent)
    assert (answer.status, answer.text) == (200, shown)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-elastic-product"] == "Elasticsearch"
    assert "Warning" not in answer.headers
    assert (await inferd.ask("GET", "/_inference/e")).text == '{"endpoints":[' + shown + "]}"


@pytest.mark.parametrize("row", TASK_TYPES, ids=[row.name for row in TASK_TYPES])
async def test_the_task_type_comes_from_the_path_or_the_body(inferd: Served, row: Row) -> None:
    sent = body() | ({"task_type": row.in_body} if row.in_body is not None else {})
    answer = await inferd.ask("PUT", f"/_inference/{row.path}e", sent)
    if row.expected is None:
        assert (answer.status, answer.json["task_type"]) == (200, "completion")
    else:
        assert (answer.status, answer.body) == (400, row.expected)


@pytest.mark.parametrize("name", ["e", "0", "a.b", "a-b_c", "a" * 300])
async def test_ids_that_may_be(inferd: Served, name: str) -> None:
    assert (await inferd.ask("PUT", f"/_inference/completion/{name}", body())).status == 200


@pytest.mark.parametrize(
    ("encoded", "name"),
    [("E", "E"), ("a%20b", "a b"), ("a%2Fb", "a/b"), ("-a", "-a"), ("a_", "a_"), ("_all", "_all"), (".a", ".a"),
     ("%C3%A9", "é"), ("*", "*"), ("a%0A", "a\n")],
)  # fmt: skip
async def test_ids_that_must_not_be(inferd: Served, encoded: str, name: str) -> None:
    answer = await inferd.ask("PUT", f"/_inference/completion/{encoded}", b"not even looked at")
    problem = (
        f"Invalid inference_id; '{name}' can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores; "
        "must start and end with alphanumeric"
    )
    assert (answer.status, answer.body) == (400, bad_request(problem))


UNKNOWN = "unknown to the [openai] service"

# Each has the faults of all that follow it: the first one found is told. Numbers are those of the table in §3.2.
CHECKS: list[tuple[str, str, object, bytes]] = [
    ("1 URL task type", "garbage/E", b"", status("Unknown task_type [garbage]")),
    ("2 body present", "completion/E", b"", error("parse_exception", "request body is required")),
    (
        "3 id pattern",
        "any/E",
        b"[",
        bad_request(
            "Invalid inference_id; 'E' can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores; "
            "must start and end with alphanumeric"
        ),
    ),
    (
        "5 JSON object",
        "any/e",
        b"[]",
        malformed("[1:1] Failed to parse object: expecting token of type [START_OBJECT]"),
    ),
    ("6 task type resolution", "any/e", {}, status("model is missing required setting [task_type]")),
    (
        "7 service present",
        "completion/e",
        {},
        status("Inference endpoint configuration is missing the [service] setting"),
    ),
    ("9 service known", "completion/e", {"service": "cohere"}, status("Unknown service [cohere]")),
    ("9 service known: not a string", "completion/e", {"service": 5}, status("Unknown service [5]")),
    (
        "11 service_settings present",
        "sparse_embedding/e",
        {"service": "openai", "chunking_settings": {"strategy": "foo"}},
        status("Missing required field [service_settings]"),
    ),
    (
        "12 chunking settings",
        "sparse_embedding/e",
        {"service": "openai", "service_settings": {}, "chunking_settings": {"strategy": "foo"}},
        error("illegal_argument_exception", "Invalid chunkingStrategy foo"),
    ),
    (
        "13 service supports task type",
        "sparse_embedding/e",
        {"service": "openai", "service_settings": {}},
        status("The [openai] service does not support task type [sparse_embedding]"),
    ),
    (
        "13 service supports task type: rerank",
        "rerank/e",
        {"service": "openai", "service_settings": {}},
        status("The [openai] service does not support task type [rerank]"),
    ),
    (
        "14 service settings values",
        "completion/e",
        {"service": "openai", "service_settings": {}, "task_settings": {"user": ""}, "x": 1},
        invalid("[service_settings] does not contain the required setting [model_id]"),
    ),
    (
        "15 task settings values",
        "completion/e",
        body({"user": ""}, api_key="") | {"x": 1},
        invalid("[task_settings] Invalid value empty string. [user] must be a non-empty string"),
    ),
    (
        "16 secrets",
        "completion/e",
        body({"b": 1}, api_key="", a=1) | {"x": 1},
        invalid("[secret_settings] Invalid value empty string. [api_key] must be a non-empty string"),
    ),
    (
        "17 leftover top-level keys",
        "completion/e",
        body({"b": 1}, a=1) | {"x": {"y": [1, 2.5, None, True]}, "z": "s"},
        status(f"Configuration contains settings [{{x={{y=[1, 2.5, null, true]}}, z=s}}] {UNKNOWN}"),
    ),
    (
        "17 leftover service_settings keys",
        "completion/e",
        body({"b": 1}, a=1, dimensions=2),
        status(f"Configuration contains settings [{{a=1, dimensions=2}}] {UNKNOWN}"),
    ),
    (
        "17 leftover task_settings keys",
        "completion/e",
        body({"b": 1}),
        status(f"Configuration contains settings [{{b=1}}] {UNKNOWN}"),
    ),
]


@pytest.mark.parametrize(("path", "sent", "expected"), [row[1:] for row in CHECKS], ids=[row[0] for row in CHECKS])
async def test_checks_come_in_order(inferd: Served, path: str, sent: object, expected: bytes) -> None:
    answer = await inferd.ask("PUT", f"/_inference/{path}", sent)
    assert (answer.status, answer.body) == (400, expected)
    assert inferd.simulator.requests == 0


@pytest.mark.parametrize("path", ["completion/e", "completion/e/_update"])
async def test_settings_are_not_endless(inferd: Served, path: str) -> None:
    answer = await inferd.ask("PUT", f"/_inference/{path}", b" " * (512 * 1024) + b"{}")
    expected = status("the request body is larger than [524288] bytes", 413)
    assert (answer.status, answer.body) == (413, expected)
    most = await inferd.ask("PUT", f"/_inference/{path}", b" " * (512 * 1024 - 2) + b"{}")
    assert most.status == 400


async def test_an_id_is_taken_once_and_said_before_the_provider_is_asked(inferd: Served) -> None:
    await inferd.put("e", "completion")
    asked = inferd.simulator.requests
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", body())
    taken = error("resource_already_exists_exception", "Inference endpoint [e] already exists")
    assert (answer.status, answer.body) == (400, taken)
    assert inferd.simulator.requests == asked
    wrong = await inferd.ask("PUT", "/_inference/completion/e", {})
    assert wrong.body == status("Inference endpoint configuration is missing the [service] setting")


async def test_of_many_that_make_one_id_at_once_one_wins(inferd: Served) -> None:
    sent = [inferd.ask("PUT", "/_inference/completion/e", body(model_id=f"m{n}")) for n in range(8)]
    answers = await asyncio.gather(*sent)
    won = [answer for answer in answers if answer.status == 200]
    taken = error("resource_already_exists_exception", "Inference endpoint [e] already exists")
    assert len(won) == 1
    assert [answer.body for answer in answers if answer is not won[0]] == [taken] * 7
    assert (await inferd.ask("GET", "/_inference/e")).json == {"endpoints": [won[0].json]}


REFUSED = "Could not complete inference endpoint creation as validation call to service threw an exception."


async def test_a_provider_that_refuses_keeps_the_endpoint_from_being(inferd: Served) -> None:
    answer = await inferd.ask("PUT", "/_inference/completion/e", body(model_id="sim-401"))
    told = (
        "Received an authentication error status code for request from inference entity id [e] status [401]. "
        "Error message: [Incorrect API key provided.]"
    )
    assert (answer.status, answer.body) == (400, error("status_exception", REFUSED, 400, ("status_exception", told)))
    assert (await inferd.ask("GET", "/_inference/e")).status == 404
    assert inferd.parts.standings.get("e") is None
    assert list(inferd.parts.limits) == []


async def test_a_provider_that_cannot_be_reached_is_a_warning(inferd: Served) -> None:
    url = "http://127.0.0.1:9/v1/chat/completions"
    answer = await inferd.ask("PUT", "/_inference/completion/e", body(url=url))
    assert (answer.status, answer.json["service_settings"]["url"]) == (200, url)
    warning = answer.headers["Warning"]
    assert warning.startswith('299 Elasticsearch-9.5.0-inferd "stored without validation: ') and warning.endswith('"')
    health = (await inferd.ask("GET", "/_health")).json
    assert health["upstreams"]["e"]["state"] == "unverified"


async def test_strict_validation_refuses_what_cannot_be_reached(tmp_path: Path) -> None:
    async with served(tmp_path, inference_validate_on_put="strict") as inferd:
        answer = await inferd.ask("PUT", "/_inference/completion/e", body(url="http://127.0.0.1:9/v1"))
    assert (answer.status, answer.json["error"]["reason"]) == (400, REFUSED)


async def test_without_validation_nobody_is_asked(tmp_path: Path) -> None:
    async with served(tmp_path, inference_validate_on_put="off") as inferd:
        answer = await inferd.ask("PUT", "/_inference/text_embedding/e", body(model_id="sim-401"))
        assert inferd.simulator.requests == 0
    assert answer.json["service_settings"] == {"model_id": "sim-401", "rate_limit": {"requests_per_minute": 3000}}


async def test_the_timeout_of_a_put_is_a_span_of_time(inferd: Served) -> None:
    answer = await inferd.ask("PUT", "/_inference/completion/e?timeout=abc", body())
    assert answer.body == error(
        "illegal_argument_exception",
        "failed to parse setting [timeout] with value [abc] as a time value: unit is missing or unrecognized",
    )
    assert (await inferd.ask("PUT", "/_inference/completion/e?timeout=30s", body())).status == 200
