"""Any JSON at any level, and any bytes: 200 or a well-formed 4xx; what was put is what is got; no secret anywhere."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import SECRET
from tests.contract.envelopes import check_envelope
from tests.served import Served

NAMES = ["service", "service_settings", "task_settings", "chunking_settings", "task_type", "model_id", "api_key", "url",
         "dimensions", "similarity", "rate_limit", "requests_per_minute", "max_input_tokens", "organization_id", "user",
         "headers", "strategy", "max_chunk_size", "overlap", "client_id", "scopes", "token_url", "client_secret",
         "input", "input_type", "messages", "role", "content", "tools", "function", "type"]  # fmt: skip
WORDS = ["openai", "text_embedding", "completion", "cosine", "sentence", "word", "none", "", "m", "http://127.0.0.1:9/"]
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    SCALARS | st.sampled_from(WORDS) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), ANYTHING, max_size=5)
PUTS = st.fixed_dictionaries(
    {"service": st.just("openai") | ANYTHING},
    optional={
        "service_settings": st.fixed_dictionaries(
            {"model_id": st.just("m") | ANYTHING, "api_key": st.sampled_from([f"{SECRET}-{n}" for n in range(9)])},
            optional={name: ANYTHING for name in NAMES if name not in ("model_id", "api_key")},
        )
        | ANYTHING,
        "task_settings": OBJECTS | ANYTHING,
        "chunking_settings": OBJECTS | ANYTHING,
        "task_type": ANYTHING,
    },
)
TASKS = st.sampled_from(["text_embedding", "completion", "chat_completion", "embedding", "sparse_embedding", "any"])
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def each(filled: Served, asks: list[tuple[str, str, Any]]) -> None:
    """Sends all; what is refused must be so in a known form, what is put must be what is got, and SECRET nowhere."""
    for method, path, body in asks:
        answer = await filled.ask(method, path, body)
        if answer.status != 200:
            check_envelope(answer)
        assert SECRET not in answer.text and SECRET not in repr(answer.headers)
        if method == "PUT" and answer.status == 200:
            shown = await filled.ask("GET", path.removesuffix("/_update"))
            assert shown.json == {"endpoints": [answer.json]}
            assert (await filled.ask("DELETE", path.removesuffix("/_update"))).status == 200
            await filled.put("c", "completion", api_key=SECRET) if path.endswith("_update") else None
    assert SECRET not in filled.log
    assert SECRET not in repr(filled.parts) + repr(filled.app.tools)
    assert not [line for line in filled.lines if line["message"] == "bug"]


@pytest.mark.parametrize("seed", range(3))
async def test_any_json_at_any_level_of_a_put_is_200_or_a_4xx(filled: Served, seed: int) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(TASKS, PUTS | OBJECTS | ANYTHING)
    def collect(task_type: str, body: object) -> None:
        asks.append(("PUT", f"/_inference/{task_type}/e{len(asks)}", body))

    collect()
    await each(filled, asks)


async def test_any_json_in_an_update_is_200_or_a_4xx(filled: Served) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(PUTS.map(lambda body: {name: part for name, part in body.items() if name != "service"}) | OBJECTS | ANYTHING)
    def collect(body: object) -> None:
        asks.append(("PUT", "/_inference/completion/c/_update", body))

    collect()
    await each(filled, asks)


async def test_any_json_in_a_request_is_200_or_a_4xx(filled: Served) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(OBJECTS | ANYTHING)
    def collect(body: object) -> None:
        asks.append(("POST", "/_inference/completion/c", body))
        asks.append(("POST", "/_inference/c/_stream", body))
        asks.append(("POST", "/_inference/chat/_unified", body))
        asks.append(("POST", "/_inference/embedding/c", body))

    collect()
    await each(filled, asks)


async def test_any_bytes_are_200_or_a_4xx(filled: Served) -> None:
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(st.binary(min_size=1, max_size=60) | st.text(min_size=1, max_size=40).map(str.encode))
    def collect(raw: bytes) -> None:
        asks.append(("POST", "/_inference/c", raw))
        asks.append(("PUT", "/_inference/completion/x", raw))

    collect()
    await each(filled, asks)
