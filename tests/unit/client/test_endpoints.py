"""endpoints: each action's request, and what is shown of its answer."""

import json

import pytest

from inferd.client import endpoints
from tests.unit.client.conftest import Call, Pipe
from tests.unit.client.scripted import ScriptedServer, answer

Captured = pytest.CaptureFixture[str]

CHAT = {
    "inference_id": "chat",
    "task_type": "chat_completion",
    "service": "openai",
    "service_settings": {"model_id": "gpt-ü", "rate_limit": {"requests_per_minute": 500}},
}
OTHER = {"inference_id": "a-longer-id", "task_type": "x\x1b[1m", "service": "other", "service_settings": {}}


def test_the_list_is_a_table(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply_json({"endpoints": [OTHER, CHAT]})
    assert call(endpoints, "list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "ID           TASK TYPE        SERVICE  MODEL  RATE LIMIT",
        "a-longer-id  x[1m             other    -      -",
        "chat         chat_completion  openai   gpt-ü  500/min",
    ]
    assert (server.asked[0].method, server.asked[0].path) == ("GET", "/_inference")


def test_an_empty_list_has_its_headings(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply_json({"endpoints": []})
    assert call(endpoints, "list", "--task-type", "completion") == 0
    assert capsys.readouterr().out == "ID  TASK TYPE  SERVICE  MODEL  RATE LIMIT\n"
    assert server.asked[0].path == "/_inference/completion/_all"


def test_the_raw_list(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply(*answer(200, b'{"endpoints" : []}\n'))
    assert call(endpoints, "list", "--json") == 0
    assert capsys.readouterr().out == '{"endpoints" : []}\n'


def test_get_shows_the_answer(server: ScriptedServer, call: Call, capsys: Captured) -> None:
    server.reply_json({"endpoints": [CHAT]})
    assert call(endpoints, "get", "chat") == 0
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"endpoints": [CHAT]}
    assert shown.startswith('{\n  "endpoints": [\n')
    assert (server.asked[0].method, server.asked[0].path) == ("GET", "/_inference/chat")


def test_put_sends_settings_and_shows_warnings(
    server: ScriptedServer, call: Call, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "sk-1")
    server.reply_json(CHAT, 200, 'Warning: 299 inferd-0.1.0 "the provider cannot be reached"')
    assert call(endpoints, "put", "chat_completion", "--model", "m", "chat", "--upstream-key-env", "KEY") == 0
    shown = capsys.readouterr()
    assert (json.loads(shown.out), shown.err) == (CHAT, "inferd: warning: the provider cannot be reached\n")
    assert "sk-1" not in shown.out + shown.err
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PUT", "/_inference/chat_completion/chat")
    assert asked.json() == {"service": "openai", "service_settings": {"api_key": "sk-1", "model_id": "m"}}


def test_put_with_a_whole_body_needs_no_task_type(server: ScriptedServer, call: Call, pipe: Pipe) -> None:
    server.reply_json(CHAT)
    pipe('{"task_type": "chat_completion"}')
    assert call(endpoints, "put", "a b", "--body", "-") == 0
    assert (server.asked[0].path, server.asked[0].body) == ("/_inference/a%20b", b'{"task_type": "chat_completion"}')


@pytest.mark.parametrize(
    ("options", "query"),
    [([], {}), (["--dry-run"], {"dry_run": "true"}), (["--force"], {"force": "true"})],
)
def test_delete(
    options: list[str], query: dict[str, str], server: ScriptedServer, call: Call, capsys: Captured
) -> None:
    server.reply_json({"acknowledged": True})
    assert call(endpoints, "delete", "chat", *options) == 0
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("DELETE", "/_inference/chat", query)
    assert json.loads(capsys.readouterr().out) == {"acknowledged": True}


@pytest.mark.parametrize("action", ["get", "delete"])
def test_an_id_that_would_lead_elsewhere_is_a_wrong_use(
    action: str, server: ScriptedServer, call: Call, capsys: Captured
) -> None:
    assert call(endpoints, action, "..") == 2
    assert capsys.readouterr().err == "inferd: [..] cannot be the id of an endpoint\n"
    assert server.asked == []


def test_a_refusal_is_told_with_its_cause(server: ScriptedServer, call: Call, capsys: Captured, pipe: Pipe) -> None:
    cause = {"type": "status_exception", "reason": "status [401]. Error message: [bad key]"}
    server.reply_json({"error": {"reason": "validation call threw an exception.", "caused_by": cause}}, 400)
    pipe("{}")
    assert call(endpoints, "put", "e", "--body", "-") == 1
    reason = "validation call threw an exception: status [401]. Error message: [bad key]"
    assert capsys.readouterr() == ("", f"inferd: {server.url} answered 400: {reason}\n")


def test_a_server_that_is_not_there_is_named(call: Call, capsys: Captured) -> None:
    with ScriptedServer() as gone:
        pass
    assert call(endpoints, "list", "--url", gone.url) == 1
    assert capsys.readouterr() == ("", f"inferd: cannot reach {gone.url}: Connection refused\n")


def test_an_action_is_needed(call: Call, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as exit_:
        call(endpoints)
    assert exit_.value.code == 2
