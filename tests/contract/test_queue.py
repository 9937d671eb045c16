"""Requests over the limit: they wait, and whoever ends the wait, the answer comes in the carrier of the route."""

import asyncio
from pathlib import Path

import pytest

from inferd.errors import StatusFailure
from tests.contract.expected import chat_error, event, status
from tests.served import Answer, Served, served

CHAT = {"messages": [{"role": "user", "content": "Hello"}]}
CARRIERS = [("c", "completion", "", {"input": "a"}), ("c", "completion", "/_stream", {"input": "a"}),
            ("c", "chat_completion", "/_unified", CHAT)]  # fmt: skip


def carried(suffix: str, reason: str, code: int, name: str) -> bytes:
    """A status_exception as the route with this suffix tells it."""
    if suffix == "/_unified":
        return chat_error("status_exception", reason, name)
    return event(status(reason, code), "error") if suffix else status(reason, code)


async def _waiting(inferd: Served, suffix: str, body: object) -> "asyncio.Task[Answer]":
    """A request that waits for a place, the only one being taken."""
    await inferd.ask("POST", f"/_inference/c{suffix}", body)
    waiting = asyncio.create_task(inferd.ask("POST", f"/_inference/c{suffix}", body))
    (limit,) = inferd.parts.limits
    while limit.waiting == 0:
        await asyncio.sleep(0.01)
    return waiting


@pytest.mark.parametrize(("name", "task_type", "suffix", "body"), CARRIERS)
async def test_a_request_cut_in_the_queue_is_told_when_to_come_back(
    inferd: Served, name: str, task_type: str, suffix: str, body: object
) -> None:
    inferd.skip_trials()
    await inferd.put(name, task_type, rate_limit={"requests_per_minute": 1})
    waiting = await _waiting(inferd, suffix, body)
    asked = inferd.simulator.requests
    inferd.parts.open.cut(StatusFailure("inferd is shutting down", 503, headers={"Retry-After": "1"}))
    answer = await waiting
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.body == carried(suffix, "inferd is shutting down", 503, "service_unavailable")
    assert inferd.simulator.requests == asked
    assert [line["status"] for line in inferd.lines[1:]] == [200, 503]


@pytest.mark.parametrize(("name", "task_type", "suffix", "body"), CARRIERS)
async def test_a_full_queue_is_429_with_a_time_to_come_back(
    tmp_path: Path, name: str, task_type: str, suffix: str, body: object
) -> None:
    async with served(tmp_path, limits_queue_capacity="1", inference_validate_on_put="off") as inferd:
        await inferd.put(name, task_type, rate_limit={"requests_per_minute": 1})
        waiting = await _waiting(inferd, suffix, body)
        answer = await inferd.ask("POST", f"/_inference/c{suffix}", body)
        assert answer.status == 429 and 1 <= int(answer.headers["Retry-After"]) <= 121
        assert "queue is full" in answer.text
        assert answer.body.startswith(b"event: error\n" if suffix else b'{"error":')
        waiting.cancel()
        await asyncio.wait([waiting])
        (limit,) = inferd.parts.limits
        async with asyncio.timeout(10):
            while limit.waiting:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(("name", "task_type", "suffix", "body"), CARRIERS)
async def test_a_raised_rate_is_in_force_at_once_for_who_waits(
    inferd: Served, name: str, task_type: str, suffix: str, body: object
) -> None:
    inferd.skip_trials()
    await inferd.put(name, task_type, rate_limit={"requests_per_minute": 1})
    waiting = await _waiting(inferd, suffix, body)
    raised = {"task_type": task_type, "service_settings": {"rate_limit": {"requests_per_minute": 6000}}}
    assert (await inferd.ask("PUT", f"/_inference/{name}/_update", raised)).status == 200
    async with asyncio.timeout(20):
        assert (await waiting).status == 200
