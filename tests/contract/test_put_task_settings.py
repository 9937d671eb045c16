"""``put`` and ``update``: task settings and OAuth2 (elasticsearch-rest §3.3 and §3.7, elasticsearch-openai §1.2)."""

from typing import Any

import msgspec
import pytest

from tests.contract.expected import error, invalid, status
from tests.contract.put_body import body
from tests.served import Served

PUT = "/_inference/completion/e"
UPDATE = f"{PUT}/_update"

SHOWN: list[tuple[str, object, dict[str, Any] | None]] = [
    ("user before headers", {"headers": {"X-A": "b"}, "user": "u"}, {"user": "u", "headers": {"X-A": "b"}}),
    ("null values are dropped", {"headers": {"X-A": None, "X-B": "c"}, "user": None}, {"headers": {"X-B": "c"}}),
    ("nothing but null values", {"headers": {"X-A": None}}, None),
    ("an empty map", {"headers": {}}, None),
    ("empty", {}, None),
    ("null", None, None),
]


@pytest.mark.parametrize(("given", "shown"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN])
async def test_they_are_shown_only_if_there_are_any(
    inferd: Served, given: object, shown: dict[str, Any] | None
) -> None:
    answer = await inferd.ask("PUT", PUT, body() | {"task_settings": given})
    end = b',"task_settings":' + msgspec.json.encode(shown) + b"}" if shown else b'"requests_per_minute":500}}}'
    assert answer.status == 200 and answer.body.endswith(end)


USER = "[task_settings] Invalid value empty string. [user] must be a non-empty string"
HEADERS = "[task_settings] Invalid value. [headers]"
PRINTABLE = "must consist of printable ASCII characters"
ENTRY = "Map field [headers] has an entry that is not valid,"

WRONG: list[tuple[str, object, str]] = [
    ("empty user", {"user": ""}, USER),
    (
        "user of the wrong type",
        {"user": 1},
        "field [user] is not of the expected type. The value [1] cannot be converted to a [String]",
    ),
    (
        "non-string header value",
        {"headers": {"key": 1}},
        f"{ENTRY} [key => 1]. Value type of [Integer] is not one of [String].",
    ),
    (
        "header value that is a map",
        {"headers": {"X-A": {"b": []}}},
        f"{ENTRY} [X-A => {{b=[]}}]. Value type of [LinkedHashMap] is not one of [String].",
    ),
    (
        "headers of the wrong type",
        {"headers": ["X"]},
        "field [headers] is not of the expected type. The value [[X]] cannot be converted to a [Map]",
    ),
    ("no header name", {"headers": {"X A": "b"}}, f"{HEADERS} has a name that is no HTTP header name"),
    ("line end in a name", {"headers": {"X\r\nB": "b"}}, f"{HEADERS} has a name that is no HTTP header name"),
    ("line end in a value", {"headers": {"X": "b\r\nY: z"}}, f"{HEADERS} entry [X] {PRINTABLE}"),
    ("not ASCII", {"headers": {"X": "é"}}, f"{HEADERS} entry [X] {PRINTABLE}"),
    ("too long", {"headers": {"X": "b" * 4097}}, f"{HEADERS} entry [X] must not be longer than 4096 characters"),
    *(
        (f"a header that frames: {name}", {"headers": {name: "0"}}, f"{HEADERS} must not contain [{name}]")
        for name in ("Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "KEEP-ALIVE", "TE", "Trailer",
                     "transfer-encoding", "Upgrade")
    ),
    (
        "not an object",
        5,
        "field [task_settings] is not of the expected type. The value [5] cannot be converted to a [Map]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "problem"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_what_is_wrong_is_named(inferd: Served, given: object, problem: str) -> None:
    answer = await inferd.ask("PUT", PUT, body() | {"task_settings": given})
    assert (answer.status, answer.body) == (400, invalid(problem))
    if isinstance(given, dict):
        await inferd.put("e", "completion")
        for method, path, sent in (("PUT", UPDATE, {}), ("POST", PUT, {"input": "a"})):
            answer = await inferd.ask(method, path, sent | {"task_settings": given})
            assert (answer.status, answer.body) == (400, invalid(problem))


async def test_an_unknown_setting_is_refused_everywhere(inferd: Served) -> None:
    unknown = status("Configuration contains settings [{foo={a=1}, api_key=***}] unknown to the [openai] service")
    given = {"task_settings": {"user": "u", "foo": {"a": 1}, "api_key": "geheim"}}
    answers = [await inferd.ask("PUT", PUT, body() | given)]
    await inferd.put("e", "completion")
    answers.append(await inferd.ask("PUT", UPDATE, given))
    answers.append(await inferd.ask("POST", PUT, {"input": "a"} | given))
    for answer in answers:
        assert (answer.status, answer.body) == (400, unknown)
    assert "geheim" not in inferd.log


@pytest.mark.parametrize("name", ["model", "model_id"])
async def test_a_model_among_them_is_moved_where_the_service_settings_have_none(inferd: Served, name: str) -> None:
    answer = await inferd.ask("PUT", PUT, body({name: "old", "user": "u"}, model_id=None))
    assert (answer.status, answer.json["service_settings"]["model_id"]) == (200, "old")
    assert answer.json["task_settings"] == {"user": "u"}
    both = await inferd.ask("PUT", "/_inference/completion/f", body({name: "old"}))
    assert both.body == status(f"Configuration contains settings [{{{name}=old}}] unknown to the [openai] service")


async def test_an_update_merges_and_null_clears(inferd: Served) -> None:
    await inferd.ask("PUT", PUT, body({"user": "u", "headers": {"X-A": "b"}}))
    for given, shown in (
        ({"headers": {"X-C": "d"}}, {"user": "u", "headers": {"X-C": "d"}}),
        ({"user": None}, {"headers": {"X-C": "d"}}),
        ({"user": "v", "headers": {}}, {"user": "v"}),
    ):
        answer = await inferd.ask("PUT", UPDATE, {"task_settings": given})
        assert (answer.status, answer.json["task_settings"]) == (200, shown)
    assert "task_settings" not in (await inferd.ask("PUT", UPDATE, {"task_settings": {"user": None}})).json


def oauth2(inferd: Served, **settings: object) -> dict[str, Any]:
    """A PUT's body whose tokens come from the simulator."""
    given = {
        "api_key": None,
        "client_id": "me",
        "client_secret": "geheim",
        "scopes": ["a", "b"],
        "token_url": inferd.simulator.base_url.removesuffix("/v1") + "/oauth/token",
    }
    return body(**(given | settings))


async def test_oauth2_settings_are_shown_first_and_their_secret_never(inferd: Served) -> None:
    sent = oauth2(inferd)
    answer = await inferd.ask("PUT", PUT, sent)
    assert (answer.status, list(answer.json["service_settings"].items())) == (
        200,
        [("client_id", "me"), ("scopes", ["a", "b"]), ("token_url", sent["service_settings"]["token_url"]),
         ("model_id", "m"), ("rate_limit", {"requests_per_minute": 500})],
    )  # fmt: skip
    assert (await inferd.ask("POST", PUT, {"input": "a"})).status == 200
    for path in ("/_inference", "/_inference/.diagnostics", "/metrics", "/_health"):
        answer = await inferd.ask("GET", path)
        assert answer.status == 200 and "geheim" not in answer.text and "sim-token" not in answer.text
    assert "geheim" not in inferd.log and "sim-token" not in inferd.log


async def test_wrong_credentials_are_a_refusal(inferd: Served) -> None:
    answer = await inferd.ask("PUT", PUT, oauth2(inferd, client_secret="sim-wrong"))
    refused = "Could not complete inference endpoint creation as validation call to service threw an exception."
    cause = (
        "Failed to retrieve access token for request for inference id [e]: "
        "[invalid_client] The client's credentials are missing or wrong."
    )
    expected = error("status_exception", refused, 400, ("status_exception", cause))
    assert (answer.status, answer.body) == (400, expected)


async def test_oauth2_settings_may_change_where_they_are_and_only_there(inferd: Served) -> None:
    await inferd.ask("PUT", PUT, oauth2(inferd))
    answer = await inferd.ask("PUT", UPDATE, {"service_settings": {"client_id": "you", "scopes": ["c"]}})
    assert answer.status == 200
    assert {name: answer.json["service_settings"][name] for name in ("client_id", "scopes")} == {
        "client_id": "you", "scopes": ["c"]
    }  # fmt: skip
    other = await inferd.ask("PUT", UPDATE, {"service_settings": {"api_key": "k"}})
    kind = "[service_settings] only the field [client_secret] can be updated for this secret, received: [api_key]"
    assert (other.status, other.body) == (400, invalid(kind))
    await inferd.put("plain", "completion")
    added = await inferd.ask("PUT", "/_inference/completion/plain/_update", {"service_settings": {"client_id": "me"}})
    unknown = status("Configuration contains settings [{client_id=me}] unknown to the [openai] service")
    assert (added.status, added.body) == (400, unknown)
