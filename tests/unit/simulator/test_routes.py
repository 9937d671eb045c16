"""Paths, methods and keys."""

import json
from base64 import b64encode
from typing import Any

import pytest

from inferd.simulator.answers import Answer
from inferd.simulator.http1 import Request
from inferd.simulator.routes import State, answer


async def ask(
    method: str, path: str, body: object = None, authorization: str = "Bearer key", state: State | None = None
) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": authorization} if authorization else {}
    return await answer(Request(method=method, path=path, headers=headers, body=content), state or State())


CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
FORM = b"grant_type=client_credentials&client_id=a&client_secret=b"


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "value"),
    [
        ("POST", "/v1/chat/completions", CHAT, "object", "chat.completion"),
        ("POST", "/v1/embeddings", {"model": "m", "input": "a"}, "object", "list"),
        ("GET", "/v1/models", None, "object", "list"),
        ("HEAD", "/v1/models", None, "object", "list"),
        ("GET", "/v1/models/gpt%2D4o", None, "id", "gpt-4o"),
        ("POST", "/oauth/token", FORM, "token_type", "Bearer"),
        ("GET", "/healthz", None, "status", "ok"),
    ],
)
async def test_routes(method: str, path: str, body: Any, key: str, value: Any) -> None:
    given = await ask(method, path, body)
    assert (given.status, json.loads(given.body)[key]) == (200, value)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/models/", "/v1/chat", "/v1/chat/completions/", "/v1/redirected"])
async def test_an_unknown_path_is_not_found(path: str) -> None:
    given = await ask("GET", path)
    assert given.status == 404
    assert json.loads(given.body)["error"]["message"] == f"Invalid URL (GET {path})"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("HEAD", "/v1/embeddings", "POST"),
        ("DELETE", "/v1/models/gpt-4o", "GET"),
        ("PUT", "/healthz", "GET"),
    ],
)
async def test_a_wrong_method_is_told_the_right_one(method: str, path: str, allow: str) -> None:
    given = await ask(method, path)
    assert (given.status, given.headers) == (405, {"allow": allow})


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic a2V5", "key"])
async def test_a_request_without_a_key_is_refused(authorization: str) -> None:
    for method, path in (("POST", "/v1/chat/completions"), ("POST", "/v1/embeddings"), ("GET", "/v1/models")):
        given = await ask(method, path, CHAT, authorization)
        assert (given.status, given.headers) == (401, {"www-authenticate": "Bearer"})
        assert json.loads(given.body)["error"]["code"] is None


async def test_health_needs_no_key() -> None:
    assert (await ask("GET", "/healthz", authorization="")).status == 200


@pytest.mark.parametrize(("key", "shown"), [("sim-invalid", "sim-***id"), ("sim-token-9", "sim-***-9")])
async def test_a_wrong_key_is_refused_and_not_shown(key: str, shown: str) -> None:
    given = await ask("POST", "/v1/chat/completions", CHAT, f"bearer {key} ")
    error = json.loads(given.body)["error"]
    assert (given.status, error["code"]) == (401, "invalid_api_key")
    assert error["message"] == f"Incorrect API key provided: {shown}."


async def test_a_token_is_a_key() -> None:
    state = State()
    credentials = "Basic " + b64encode(b"a:b").decode()
    given = await ask("POST", "/oauth/token", b"grant_type=client_credentials", credentials, state)
    token = json.loads(given.body)["access_token"]
    assert (await ask("GET", "/v1/models", authorization=f"Bearer {token}", state=state)).status == 200
    assert (await ask("GET", "/v1/models", authorization=f"Bearer {token}")).status == 401
