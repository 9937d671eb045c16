"""Client keys over HTTP: who is let in, to what, and what the others are told."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inferd import client_keys
from inferd.rest import ROUTES
from tests.served import Served, served

CHALLENGES = ['Basic realm="security", charset="UTF-8"', 'Bearer realm="security"', "ApiKey"]
UNABLE = "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
ENDPOINT = {"service": "openai", "service_settings": {"api_key": "sk-other", "model_id": "m"}}


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    return {role: client_keys.create(tmp_path / "state", f"the-{role}", role) for role in ("user", "admin")}


@pytest.fixture
async def guarded(tmp_path: Path, keys: dict[str, str]) -> AsyncIterator[Served]:
    async with served(tmp_path, auth_mode="keys") as running:
        running.skip_trials()
        yield running


def _encoded(name: str, key: str) -> str:
    return base64.b64encode(f"{name}:{key}".encode()).decode()


@pytest.mark.parametrize(
    "form",
    [
        lambda key: f"ApiKey {key}",
        lambda key: f"apikey  {key} ",
        lambda key: f"ApiKey {_encoded('the-admin', key)}",
        lambda key: f"Bearer {key}",
        lambda key: f"Basic {_encoded('elastic', key)}",
    ],
)
@pytest.mark.parametrize("role", ["user", "admin"])
async def test_each_form_of_a_key_is_taken(guarded: Served, keys: dict[str, str], role: str, form: object) -> None:
    assert callable(form)
    for _ in range(2):  # The second time it is remembered.
        answer = await guarded.ask("GET", "/_inference", headers={"Authorization": form(keys[role])})
        assert answer.status == 200


async def test_no_key_is_missing_credentials_with_all_challenges(guarded: Served) -> None:
    answer = await guarded.ask("GET", "/_inference/x?pretty=false")
    reason = "missing authentication credentials for REST request [/_inference/x?pretty=false]"
    error = {"type": "security_exception", "reason": reason, "header": {"WWW-Authenticate": CHALLENGES}}
    assert (answer.status, answer.json) == (401, {"error": {"root_cause": [error], **error}, "status": 401})
    assert answer.headers["WWW-Authenticate"] == ", ".join(CHALLENGES)


@pytest.mark.parametrize(
    "header",
    [
        "ApiKey inferd_wrong",
        "ApiKey",
        "",
        "Bearer ",
        "Digest abc",
        "Basic not!base64",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer \udcff",
        "ApiKey " + "x" * 4000,
    ],
)
async def test_a_wrong_key_in_any_form_is_refused_and_repeated_nowhere(guarded: Served, header: str) -> None:
    answer = await guarded.ask("GET", "/_inference", headers={"Authorization": header})
    assert (answer.status, answer.reason) == (401, UNABLE)
    assert "inferd_wrong" not in guarded.log + answer.text


async def test_the_digest_of_a_key_is_no_key(guarded: Served, keys: dict[str, str]) -> None:
    stored = client_keys.digest(keys["admin"])
    answer = await guarded.ask("GET", "/_inference", headers={"Authorization": f"ApiKey {stored}"})
    assert answer.status == 401


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("PUT", "/_inference/completion/x", "put"),
        ("PUT", "/_inference/x", "put"),
        ("PUT", "/_inference/x/_update", "update"),
        ("DELETE", "/_inference/completion/x?force=true", "delete"),
    ],
)
async def test_a_user_may_not_change_endpoints(
    guarded: Served, keys: dict[str, str], method: str, path: str, action: str
) -> None:
    headers = {"Authorization": f"ApiKey {keys['user']}"}
    answer = await guarded.ask(method, path, ENDPOINT if method == "PUT" else None, headers)
    assert answer.status == 403
    assert answer.json["error"]["type"] == "security_exception"
    assert answer.reason == (
        f"action [cluster:admin/xpack/inference/{action}] is unauthorized for user [the-user] with effective roles "
        "[user], this action is granted by the cluster privileges [manage_inference,manage,all]"
    )


async def test_an_admin_makes_what_a_user_infers_with(guarded: Served, keys: dict[str, str]) -> None:
    user, admin = ({"Authorization": f"ApiKey {keys[role]}"} for role in ("user", "admin"))
    assert (await guarded.ask("PUT", "/_inference/completion/x", ENDPOINT, admin)).status == 200
    assert (await guarded.ask("POST", "/_inference/x", {"input": "a"}, user)).status == 200
    assert (await guarded.ask("DELETE", "/_inference/x", headers=admin)).status == 200
    line = next(line for line in guarded.lines if line.get("route") == "/_inference/{id}" and line["method"] == "POST")
    assert (line["client"], line["task"]) == ("the-user", "completion")
    assert not [key for key in keys.values() if key in guarded.log]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_need_no_key(guarded: Served, path: str) -> None:
    assert (await guarded.ask("GET", path)).status == 200


@pytest.mark.parametrize(
    ("method", "path"), sorted({(route.method, route.path) for route in ROUTES if route.privilege is not None})
)
async def test_every_other_route_is_closed(guarded: Served, method: str, path: str) -> None:
    body: dict[str, object] | None = {} if method in ("PUT", "POST") else None
    answer = await guarded.ask(method, path.replace("{id}", "x").replace("{task_type}", "completion"), body)
    assert answer.status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 400), ("POST", "/", 405), ("PATCH", "/_inference/x", 405)]
)
async def test_what_is_not_there_is_told_to_who_has_a_key(
    guarded: Served, keys: dict[str, str], method: str, path: str, status: int
) -> None:
    assert (await guarded.ask(method, path)).status == 401
    assert (await guarded.ask(method, path, headers={"Authorization": "ApiKey wrong"})).status == 401
    headers = {"Authorization": f"ApiKey {keys['user']}"}
    assert (await guarded.ask(method, path, headers=headers)).status == status
    assert (await guarded.ask("OPTIONS", "/_inference/x")).status == 200


async def test_only_the_probes_are_open() -> None:
    assert {route.path for route in ROUTES if route.privilege is None} == {"/livez", "/readyz"}
    manages = {route.api for route in ROUTES if route.privilege == "manage"}
    assert manages == {"put", "update", "delete"}
    assert {route.method for route in ROUTES if route.privilege == "manage"} == {"PUT", "DELETE"}
    assert not [route for route in ROUTES if route.method in ("PUT", "DELETE") and route.privilege != "manage"]


@pytest.mark.parametrize("mode", ["auto", "none"])
async def test_on_loopback_nobody_needs_a_key(tmp_path: Path, keys: dict[str, str], mode: str) -> None:
    async with served(tmp_path, auth_mode=mode) as running:
        assert (await running.ask("GET", "/_inference")).status == 200
        assert (await running.ask("GET", "/_inference", headers={"Authorization": "ApiKey wrong"})).status == 200


async def test_made_and_revoked_keys_count_without_a_restart(guarded: Served, tmp_path: Path) -> None:
    guard = guarded.parts.guard
    assert guard is not None
    headers = {"Authorization": f"ApiKey {client_keys.create(tmp_path / 'state', 'late', 'user')}"}
    guard.refresh()
    assert (await guarded.ask("GET", "/_inference", headers=headers)).status == 200
    client_keys.revoke(tmp_path / "state", "late")
    guard.refresh()
    assert (await guarded.ask("GET", "/_inference", headers=headers)).status == 401
