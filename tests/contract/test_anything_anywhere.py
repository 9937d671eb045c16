"""Any JSON in the place of any one part of a body that is valid: 200 or a well-formed 4xx, and nothing of a secret."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.conftest import SECRET
from tests.contract.test_anything import ANYTHING, MANY, each
from tests.served import Served

Path = tuple[str | int, ...]

SETTINGS: dict[str, Any] = {
    "api_key": SECRET,
    "model_id": "m",
    "url": "http://127.0.0.1:9/",
    "organization_id": "o",
    "max_input_tokens": 9,
    "rate_limit": {"requests_per_minute": 9},
}
OAUTH2: dict[str, Any] = {
    "model_id": "m",
    "client_id": "c",
    "scopes": ["a", "b"],
    "token_url": "http://127.0.0.1:9/",
    "client_secret": SECRET,
}
TASK_SETTINGS: dict[str, Any] = {"user": "u", "headers": {"X-A": "b", "X-C": None}}
VECTORS: dict[str, Any] = {"dimensions": 3, "similarity": "cosine"}
RECURSIVE: dict[str, Any] = {"strategy": "recursive", "max_chunk_size": 20, "separators": ["a", "b"]}
WORD: dict[str, Any] = {"strategy": "word", "max_chunk_size": 20, "overlap": 2}
CALL: dict[str, Any] = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}
FILE: dict[str, Any] = {"type": "file", "file": {"file_data": "d", "filename": "n"}}
DETAIL: dict[str, Any] = {"type": "reasoning.text", "text": "t", "signature": "s", "index": 0}

VALID: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "text_embedding/e", {"service": "openai", "task_type": "text_embedding", "chunking_settings": RECURSIVE,
                                 "service_settings": SETTINGS | VECTORS, "task_settings": TASK_SETTINGS}),
    ("PUT", "completion/e", {"service": "openai", "service_settings": OAUTH2, "task_settings": TASK_SETTINGS}),
    ("PUT", "completion/c/_update", {"service": "openai", "task_settings": TASK_SETTINGS, "service_settings": {
        "api_key": SECRET, "max_input_tokens": 9, "rate_limit": {"requests_per_minute": 9}}}),
    ("POST", "completion/c", {"input": ["a"], "task_settings": TASK_SETTINGS, "timeout": "1s"}),
    ("POST", "_chunk", {"input": ["a b c"], "chunking_settings": WORD}),
    ("POST", "embedding/m", {
        "input": ["a", {"content": [{"type": "text", "format": "text", "value": "a"}]}], "input_type": "ingest",
        "task_settings": TASK_SETTINGS, "chunk": True, "chunking_settings": WORD}),
    ("POST", "chat_completion/chat/_unified", {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "t"}, IMAGE, FILE]},
            {"role": "assistant", "tool_calls": [CALL], "reasoning": "r", "reasoning_details": [DETAIL]},
            {"role": "tool", "tool_call_id": "1", "content": "c"}],
        "model": "m", "max_completion_tokens": 9, "stop": ["a"], "temperature": 0.5, "top_p": 1,
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "tools": [{"type": "function",
                   "function": {"name": "f", "description": "d", "parameters": {"a": 1}, "strict": True}}],
        "reasoning": {"effort": "low", "summary": "s", "exclude": True, "enabled": True},
        "cache_control": {"type": "t", "ttl": "5m"}, "session_id": "s"}),
]  # fmt: skip


def paths(document: Any, at: Path = ()) -> Iterator[Path]:
    """Where anything stands in ``document``, and where one thing more could."""
    if isinstance(document, dict):
        yield (*at, "one_more")
        for name, part in document.items():
            yield from paths(part, (*at, name))
    elif isinstance(document, list):
        for index, part in enumerate(document):
            yield from paths(part, (*at, index))
    yield at


def with_part(document: Any, path: Path, part: Any) -> Any:
    """``document`` with ``part`` at ``path``."""
    if not path:
        return part
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = part
    return changed


@pytest.mark.parametrize(("method", "path", "valid"), VALID, ids=[f"{row[0]} {row[1]}" for row in VALID])
async def test_any_json_in_any_place_is_200_or_a_4xx(
    filled: Served, method: str, path: str, valid: dict[str, Any]
) -> None:
    await filled.put("m", "embedding", api_key=SECRET, dimensions=3)
    url = f"/_inference/{path}"
    plain = await filled.ask(method, url, valid)
    assert plain.status == 200, plain.body
    if path.endswith("/e"):
        await filled.ask("DELETE", url)
    asks: list[tuple[str, str, Any]] = []

    @MANY
    @given(st.sampled_from(sorted(set(paths(valid)), key=repr)), ANYTHING)
    def collect(at: Path, part: object) -> None:
        asks.append((method, url, with_part(valid, at, part)))

    collect()
    await each(filled, asks)
