"""``PUT _inference/…/_update``."""

import pytest

from tests.served import Served

URL = "/_inference/completion/e/_update"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("E", {}, "Validation Failed: 1: Invalid inference_id; 'E' can contain lowercase alphanumeric (a-z and 0-9), "
         "hyphens or underscores; must start and end with alphanumeric;"),
        ("e", {}, "Request body is empty"),
        ("any/e", {"task_settings": {}}, "model is missing required setting [task_type]"),
        ("completion/e", {"name": "x"},
         "Request contained fields which cannot be updated, remove these fields and try again [{name=x}]"),
        ("completion/e", {"task_settings": 1, "task_type": "completion"},
         "Unable to parse task settings in the request [{task_settings=1, task_type=completion}]"),
        ("completion/e", {"chunking_settings": 1},
         "Unable to parse [chunking_settings] in the request [{chunking_settings=1}]"),
        ("completion/x", {"task_settings": None}, "The inference endpoint [x] does not exist and cannot be updated"),
        ("completion/e", {"service": 5, "task_settings": {}},
         "Request contained fields which cannot be updated, remove these fields and try again [{service=5}]"),
        ("rerank/e", {"task_settings": {}}, "Task type must match the task type of the existing endpoint"),
    ],
)  # fmt: skip
async def test_checks_come_in_order(inferd: Served, path: str, body: object, reason: str) -> None:
    await inferd.put("e", "completion")
    assert (await inferd.ask("PUT", f"/_inference/{path}/_update", body)).reason == reason


async def test_both_time_limits_are_spans(inferd: Served) -> None:
    for name in ("timeout", "master_timeout"):
        assert (await inferd.ask("PUT", f"{URL}?{name}=1", {})).status == 400


async def test_what_changes_is_tried_and_stored_and_what_does_not_is_neither(inferd: Served) -> None:
    await inferd.put("e", "completion")
    asked = inferd.simulator.requests
    same = await inferd.ask("PUT", URL, {"service": "openai", "task_settings": {}})
    assert (same.status, inferd.simulator.requests) == (200, asked)
    changed = await inferd.ask("PUT", URL, {"service_settings": {"api_key": "sk-other"}})
    assert (changed.body, inferd.simulator.requests) == (same.body, asked + 1)
    assert inferd.parts.store.secrets("e") == {"api_key": "sk-other"}
