"""``PUT _inference``."""

import pytest

from tests.served import Served


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("E?timeout=x", b"", "request body is required"),
        ("E?timeout=1", b"x", "failed to parse setting [timeout] with value [1] as a time value: "
         "unit is missing or unrecognized"),
        ("E", b"x", "Validation Failed: 1: Invalid inference_id; 'E' can contain lowercase alphanumeric "
         "(a-z and 0-9), hyphens or underscores; must start and end with alphanumeric;"),
        ("e", b"[", "[1:2] Unexpected end-of-input"),
        ("any/e", b"{}", "model is missing required setting [task_type]"),
        ("completion/e", b'{"service":null}', "Inference endpoint configuration is missing the [service] setting"),
        ("completion/e", b'{"service":{"a":1}}', "Unknown service [{a=1}]"),
        ("completion/e", b'{"service":"openai"}', "Missing required field [service_settings]"),
    ],
)  # fmt: skip
async def test_checks_come_in_order(inferd: Served, path: str, body: bytes, reason: str) -> None:
    assert (await inferd.ask("PUT", f"/_inference/{path}", body)).reason == reason


async def test_an_id_is_taken_once(inferd: Served) -> None:
    await inferd.put("e", "completion")
    asked = inferd.simulator.requests
    body = {"service": "openai", "service_settings": {"api_key": "k", "model_id": "m"}}
    answer = await inferd.ask("PUT", "/_inference/completion/e", body)
    assert (answer.status, answer.reason) == (400, "Inference endpoint [e] already exists")
    assert inferd.simulator.requests == asked
