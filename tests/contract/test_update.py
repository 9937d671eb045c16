"""``update``: changing what may change of an endpoint (elasticsearch-rest §3.7, contract §2.6)."""

import asyncio
from typing import Any

import pytest

from tests.contract.expected import bad_request, error, invalid, malformed, status
from tests.contract.task_types import ROWS as TASK_TYPES
from tests.contract.task_types import Row
from tests.served import Answer, Served

URL = "/_inference/text_embedding/e/_update"


async def test_settings_merge_and_chunking_settings_are_replaced(inferd: Served) -> None:
    await inferd.put("e", "text_embedding", dimensions=3, organization_id="o")
    sent: dict[str, Any] = {
        "service": "openai",
        "service_settings": {"rate_limit": {"requests_per_minute": 9}, "api_key": "sk-new"},
        "task_settings": {"user": "u"},
        "chunking_settings": {"strategy": "none"},
    }
    answer = await inferd.ask("PUT", URL, sent)
    assert (answer.status, answer.text) == (
        200,
        '{"inference_id":"e","task_type":"text_embedding","service":"openai","service_settings":{"model_id":"sim",'
        '"organization_id":"o","similarity":"dot_product","dimensions":3,"rate_limit":{"requests_per_minute":9}},'
        '"task_settings":{"user":"u"},"chunking_settings":{"strategy":"none"}}',
    )
    assert (await inferd.ask("GET", "/_inference/e")).json == {"endpoints": [answer.json]}
    assert inferd.parts.store.secrets("e")["api_key"] == "sk-new"


async def test_what_changes_nothing_asks_nobody(inferd: Served) -> None:
    put = await inferd.put("e", "text_embedding")
    asked = inferd.simulator.requests
    answer = await inferd.ask("PUT", URL, {"service_settings": {"api_key": "sk-0123456789abcdef"}})
    assert (answer.status, answer.body) == (200, put.body)
    assert inferd.simulator.requests == asked


@pytest.mark.parametrize("row", TASK_TYPES, ids=[row.name for row in TASK_TYPES])
async def test_the_task_type_comes_from_the_path_or_the_body(inferd: Served, row: Row) -> None:
    await inferd.put("e", "completion")
    sent = {"task_settings": {"user": "u"}} | ({"task_type": row.in_body} if row.in_body is not None else {})
    answer = await inferd.ask("PUT", f"/_inference/{row.path}e/_update", sent)
    if row.expected is None:
        assert (answer.status, answer.json["task_settings"]) == (200, {"user": "u"})
    else:
        assert (answer.status, answer.body) == (400, row.expected)


@pytest.mark.parametrize(("path", "in_body"), [("completion/", None), ("", "embedding"), ("sparse_embedding/", None)])
async def test_the_task_type_must_be_the_endpoint_s(inferd: Served, path: str, in_body: str | None) -> None:
    await inferd.put("e", "text_embedding")
    sent = {"task_type": in_body, "task_settings": {"user": "u"}}
    answer = await inferd.ask("PUT", f"/_inference/{path}e/_update", sent)
    expected = status("Task type must match the task type of the existing endpoint")
    assert (answer.status, answer.body) == (400, expected)


FOREIGN = "Request contained fields which cannot be updated, remove these fields and try again"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", error("parse_exception", "request body is required")),
        (b"1", malformed("[1:1] Failed to parse object: expecting token of type [START_OBJECT]")),
        ({}, status("Request body is empty")),
        ({"service": "cohere"}, status(f"{FOREIGN} [{{service=cohere}}]")),
        ({"metadata": {"a": 1}, "b": None}, status(f"{FOREIGN} [{{metadata={{a=1}}, b=null}}]")),
        (
            {"service_settings": 5, "task_settings": []},
            status("Unable to parse service settings in the request [{service_settings=5, task_settings=[]}]"),
        ),
        ({"task_settings": "x"}, status("Unable to parse task settings in the request [{task_settings=x}]")),
        (
            {"service_settings": {"model_id": "x"}},
            status("Configuration contains settings [{model_id=x}] unknown to the [openai] service"),
        ),
        (
            {"service_settings": {"url": "http://x/", "dimensions": 4}},
            status("Configuration contains settings [{url=http://x/, dimensions=4}] unknown to the [openai] service"),
        ),
        (
            {"service_settings": {"max_input_tokens": 0}},
            invalid("[service_settings] Invalid value [0]. [max_input_tokens] must be a positive integer"),
        ),
        (
            {"service_settings": {"client_secret": "s"}},
            invalid(
                "[service_settings] only the field [api_key] can be updated for this secret, received: [client_secret]"
            ),
        ),
    ],
)
async def test_what_may_not_change_is_named(inferd: Served, sent: object, expected: bytes) -> None:
    await inferd.put("e", "text_embedding", dimensions=3)
    before = (await inferd.ask("GET", "/_inference/e")).body
    answer = await inferd.ask("PUT", URL, sent)
    assert (answer.status, answer.body) == (400, expected)
    assert (await inferd.ask("GET", "/_inference/e")).body == before


async def test_an_id_that_is_not_there(inferd: Served) -> None:
    answer = await inferd.ask("PUT", URL, {"task_settings": {"user": "u"}})
    missing = "The inference endpoint [e] does not exist and cannot be updated"
    assert (answer.status, answer.body) == (404, error("resource_not_found_exception", missing, 404))
    bad = await inferd.ask("PUT", "/_inference/completion/E/_update", {})
    problem = (
        "Invalid inference_id; 'E' can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores; "
        "must start and end with alphanumeric"
    )
    assert bad.body == bad_request(problem)


async def test_a_change_that_the_provider_refuses_is_none(inferd: Served) -> None:
    before = await inferd.put("e", "completion")
    answer = await inferd.ask(
        "PUT", "/_inference/completion/e/_update", {"service_settings": {"api_key": "sim-invalid"}}
    )
    assert answer.status == 400
    assert answer.json["error"]["reason"].startswith("Could not complete inference endpoint creation as validation")
    assert (await inferd.ask("GET", "/_inference/e")).json == {"endpoints": [before.json]}
    assert inferd.parts.store.secrets("e")["api_key"] == "sk-0123456789abcdef"
    # The endpoint is as it was, and so is its upstream.
    assert (await inferd.ask("GET", "/_health")).json["upstreams"]["e"]["state"] == "ok"


async def _crowded(inferd: Served) -> list["asyncio.Task[Answer]"]:
    """Requests that wait for places of ``e``, of which there is one a minute."""
    await inferd.put("e", "completion", rate_limit={"requests_per_minute": 1})
    crowd = [asyncio.create_task(inferd.ask("POST", "/_inference/e?timeout=2s", {"input": "a"})) for _ in range(4)]
    (limit,) = inferd.parts.limits
    while limit.waiting < 4:
        await asyncio.sleep(0.01)
    return crowd


async def test_a_rate_that_is_refused_is_never_in_force(inferd: Served) -> None:
    crowd = await _crowded(inferd)
    asked = inferd.simulator.requests
    change = {"api_key": "sim-invalid", "rate_limit": {"requests_per_minute": 60_000}}
    answer = await inferd.ask("PUT", "/_inference/completion/e/_update", {"service_settings": change})
    assert answer.status == 400 and "authentication error" in answer.text
    assert [(await one).status for one in crowd] == [429] * 4
    assert inferd.simulator.requests == asked + 1


async def test_a_rate_that_was_tried_is_in_force_at_once_for_those_who_wait(inferd: Served) -> None:
    crowd = await _crowded(inferd)
    change = {"service_settings": {"rate_limit": {"requests_per_minute": 60_000}}}
    assert (await inferd.ask("PUT", "/_inference/completion/e/_update", change)).status == 200
    assert [(await one).status for one in crowd] == [200] * 4


async def _while_tried(inferd: Served, *steps: tuple[str, str, object]) -> tuple[int, bytes]:
    """The answer to an update during whose trial call, which takes a second, ``steps`` happen."""
    url = inferd.simulator.base_url + "/chat/completions"
    await inferd.put("e", "completion", "sim-slow", url=url)
    asked = inferd.simulator.requests
    change = {"service_settings": {"rate_limit": {"requests_per_minute": 9}}}
    update = asyncio.create_task(inferd.ask("PUT", "/_inference/completion/e/_update", change))
    while inferd.simulator.requests == asked:
        await asyncio.sleep(0.01)
    for method, path, sent in steps:
        assert (await inferd.ask(method, path, sent)).status == 200
    answer = await update
    return answer.status, answer.body


async def test_an_endpoint_deleted_meanwhile_does_not_rise_again(inferd: Served) -> None:
    code, body = await _while_tried(inferd, ("DELETE", "/_inference/e", None))
    assert (code, body) == (404, error("resource_not_found_exception", "Inference endpoint not found [e]", 404))
    assert (await inferd.ask("GET", "/_inference/_all")).json == {"endpoints": []}
    assert inferd.parts.standings.get("e") is None


async def test_another_endpoint_made_meanwhile_is_left_alone(inferd: Served) -> None:
    fresh = {"service": "openai", "service_settings": {"api_key": "sk-other", "model_id": "other"}}
    steps = [("DELETE", "/_inference/e", None), ("PUT", "/_inference/completion/e", fresh)]
    code, body = await _while_tried(inferd, *steps)
    assert (code, body) == (409, status("Inference endpoint [e] was changed in the meantime", 409))
    settings = (await inferd.ask("GET", "/_inference/e")).json["endpoints"][0]["service_settings"]
    assert settings == {"model_id": "other", "rate_limit": {"requests_per_minute": 500}}
    assert inferd.parts.store.secrets("e")["api_key"] == "sk-other"
