"""``put``: making an endpoint; answers, order of checks and texts of elasticsearch-rest §3.1 to §3.6."""

import asyncio
from pathlib import Path

import pytest

from tests.contract.expected import bad_request, error, invalid, malformed, status
from tests.contract.put_body import body
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


@pytest.mark.parametrize(
    ("path", "in_body", "expected"),
    [
        ("e", None, status("model is missing required setting [task_type]")),
        ("any/e", None, status("model is missing required setting [task_type]")),
        ("completion/e", None, None),
        ("COMPLETION/e", None, None),
        ("%20completion/e", None, None),
        ("e", "completion", None),
        ("any/e", "Completion", None),
        ("completion/e", "completion", None),
        (
            "completion/e",
            "text_embedding",
            status(
                "Cannot resolve conflicting task_type parameter in the request URL [completion] "
                "and the request body [text_embedding]"
            ),
        ),
        ("e", "any", status("task_type [any] is not valid type for inference")),
        ("completion/e", "any", status("task_type [any] is not valid type for inference")),
        ("completion/e", "garbage", status("Unknown task_type [garbage]")),
        ("completion/e", 7, status("Unknown task_type [7]")),
        ("garbage/e", None, status("Unknown task_type [garbage]")),
    ],
)
async def test_the_task_type_comes_from_the_path_or_the_body(
    inferd: Served, path: str, in_body: object, expected: bytes | None
) -> None:
    sent = body() | ({"task_type": in_body} if in_body is not None else {})
    answer = await inferd.ask("PUT", f"/_inference/{path}", sent)
    if expected is None:
        assert answer.status == 200
        assert answer.json["task_type"] == "completion"
    else:
        assert (answer.status, answer.body) == (400, expected)


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


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # Each has the faults of all that follow it: the first one found is told (§3.2).
        (b"[]", malformed("[1:1] Failed to parse object: expecting token of type [START_OBJECT]")),
        ({}, status("Inference endpoint configuration is missing the [service] setting")),
        ({"service": "cohere"}, status("Unknown service [cohere]")),
        ({"service": 5}, status("Unknown service [5]")),
        ({"service": "openai", "task_settings": 1}, status("Missing required field [service_settings]")),
        (
            {"service": "openai", "service_settings": {}, "task_settings": {"user": ""}, "x": 1},
            invalid("[service_settings] does not contain the required setting [model_id]"),
        ),
        (
            body({"user": ""}, api_key="") | {"x": 1},
            invalid("[task_settings] Invalid value empty string. [user] must be a non-empty string"),
        ),
        (
            body(api_key="", a=1) | {"x": 1},
            invalid("[secret_settings] Invalid value empty string. [api_key] must be a non-empty string"),
        ),
        (
            body(a=1) | {"x": {"y": [1, 2.5, None, True]}, "z": "s"},
            status("Configuration contains settings [{x={y=[1, 2.5, null, true]}, z=s}] " + UNKNOWN),
        ),
        (body(a=1, dimensions=2), status("Configuration contains settings [{a=1, dimensions=2}] " + UNKNOWN)),
        (
            body() | {"chunking_settings": {"strategy": "none"}},
            status("Configuration contains settings [{chunking_settings={strategy=none}}] " + UNKNOWN),
        ),
    ],
)
async def test_checks_come_in_order(inferd: Served, sent: object, expected: bytes) -> None:
    answer = await inferd.ask("PUT", "/_inference/completion/e", sent)
    assert (answer.status, answer.body) == (400, expected)
    assert inferd.simulator.requests == 0


async def test_a_service_says_which_tasks_it_does_not_support(inferd: Served) -> None:
    answer = await inferd.ask("PUT", "/_inference/sparse_embedding/e", body(model_id=None))
    assert answer.body == status("The [openai] service does not support task type [sparse_embedding]")


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
