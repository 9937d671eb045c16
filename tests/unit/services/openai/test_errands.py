"""What leaves for the provider: the URL, the headers in order, the key or the token, and a 401 that ends the token."""

import msgspec
import pytest

from inferd import __version__
from inferd.config import OpenAI
from inferd.schema.endpoint import Secrets, TaskType
from inferd.schema.inference import Call
from inferd.services import Tools
from inferd.services.openai.errands import Errands, LimitedCall, settings_of, task_settings_of
from inferd.services.openai.settings import OpenAITaskSettings
from tests.unit.services.openai.endpoints import OAUTH2, call
from tests.unit.services.openai.upstream import Reply, ScriptedClient

USER_AGENT = ("User-Agent", f"inferd/{__version__}")
CLIENT_SECRET = Secrets({"client_secret": "s3cret"})


@pytest.fixture
def errands(tools: Tools) -> Errands:
    return Errands(tools)


def token(value: str) -> Reply:
    return Reply(msgspec.json.encode({"access_token": value, "expires_in": 3600}))


@pytest.mark.parametrize(
    ("task_type", "path", "what"),
    [
        (TaskType.TEXT_EMBEDDING, "/embeddings", "OpenAI embeddings"),
        (TaskType.EMBEDDING, "/embeddings", "OpenAI embeddings"),
        (TaskType.COMPLETION, "/chat/completions", "OpenAI chat completions"),
        (TaskType.CHAT_COMPLETION, "/chat/completions", "OpenAI chat completions"),
    ],
)
async def test_each_task_has_its_path_under_base_url(
    errands: Errands, tools: Tools, task_type: TaskType, path: str, what: str
) -> None:
    begun = errands.begun(call(task_type), OpenAITaskSettings())
    errand = await errands.made(begun, b"{}")
    assert errand.request.url == "https://api.openai.com/v1" + path
    assert errand.what == what
    tools.config = msgspec.structs.replace(tools.config, openai=OpenAI(base_url="http://127.0.0.1:1/v1/"))
    assert (await errands.made(begun, b"{}")).request.url == "http://127.0.0.1:1/v1" + path


async def test_a_url_of_the_endpoint_is_used_as_it_is(errands: Errands) -> None:
    begun = errands.begun(call(TaskType.COMPLETION, url="http://127.0.0.1/any?thing=1"), OpenAITaskSettings())
    assert (await errands.made(begun, b"{}")).request.url == "http://127.0.0.1/any?thing=1"


async def test_the_headers_of_a_plain_request(errands: Errands) -> None:
    begun = errands.begun(call(TaskType.COMPLETION), OpenAITaskSettings())
    assert (await errands.made(begun, b"{}")).request.headers == (
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "identity"),
        USER_AGENT,
        ("Authorization", "Bearer sk-secret"),
    )


async def test_custom_headers_replace_in_any_case_but_never_the_key(errands: Errands) -> None:
    custom = {"openai-organization": "mine", "authorization": "Bearer stolen", "X-Trace": "1", "user-agent": "me"}
    begun = errands.begun(call(TaskType.COMPLETION, organization_id="org"), OpenAITaskSettings(headers=custom))
    assert (await errands.made(begun, b"{}")).request.headers == (
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "identity"),
        ("openai-organization", "mine"),
        ("X-Trace", "1"),
        ("user-agent", "me"),
        ("Authorization", "Bearer sk-secret"),
    )


async def test_the_organization_is_a_header(errands: Errands) -> None:
    begun = errands.begun(call(TaskType.COMPLETION, organization_id="org"), OpenAITaskSettings())
    assert ("OpenAI-Organization", "org") in (await errands.made(begun, b"{}")).request.headers


async def test_the_limit_is_that_of_the_beginning(errands: Errands, tools: Tools) -> None:
    begun = errands.begun(call(TaskType.COMPLETION), OpenAITaskSettings())
    limit = tools.limits.of("e", 5)
    errand = await errands.made(begun, b"{}")
    assert errand.limit is limit
    assert limit.requests_per_minute == 5
    tools.limits.delete("e")
    assert (await errands.made(begun, b"{}")).limit is limit
    assert list(tools.limits) == []


async def test_a_trial_changes_no_rate(errands: Errands, tools: Tools) -> None:
    limit = tools.limits.of("e", 5)
    begun = errands.begun(call(TaskType.COMPLETION, attempts=1), OpenAITaskSettings())
    assert (await errands.made(begun, b"{}")).limit.requests_per_minute == 60_000
    assert list(tools.limits) == [limit] and limit.requests_per_minute == 5


async def test_a_call_keeps_what_it_came_with(errands: Errands) -> None:
    made = call(TaskType.COMPLETION, attempts=1)
    begun = errands.begun(made, OpenAITaskSettings(user="u"))
    assert isinstance(begun, LimitedCall)
    assert task_settings_of(begun).user == "u"
    assert settings_of(begun) is settings_of(made)
    assert begun.trace is made.trace
    assert (await errands.made(begun, b"{}")).attempts == 1


async def test_what_an_endpoint_has_in_common_is_made_once_and_again_when_anything_changed(
    errands: Errands, tools: Tools
) -> None:
    async def headers(what: Call) -> tuple[tuple[str, str], ...]:
        return (await errands.made(errands.begun(what, task_settings_of(what)), b"{}")).request.headers

    made = call(TaskType.COMPLETION, organization_id="one")
    first = await headers(made)
    assert await headers(made) is first
    other = msgspec.structs.replace(made, secrets=Secrets({"api_key": "sk-other"}))
    assert ("Authorization", "Bearer sk-other") in await headers(other)
    moved = msgspec.structs.replace(made, endpoint=call(TaskType.COMPLETION, organization_id="two").endpoint)
    assert ("OpenAI-Organization", "two") in await headers(moved)
    assert await headers(made) == first


async def test_endpoints_without_end_are_not_all_kept(errands: Errands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inferd.services.openai.errands.MAX_WAYS", 2)
    plain = call(TaskType.COMPLETION)
    calls = [
        msgspec.structs.replace(plain, endpoint=msgspec.structs.replace(plain.endpoint, inference_id=name))
        for name in "abc"
    ]
    first, _, last = [
        (await errands.made(errands.begun(each, task_settings_of(each)), b"{}")).request.headers for each in calls
    ]
    again = [
        (await errands.made(errands.begun(each, task_settings_of(each)), b"{}")).request.headers for each in calls[::-2]
    ]
    assert again[0] is last and again[1] == first and again[1] is not first


async def test_a_token_takes_the_place_of_the_key_and_is_masked(errands: Errands, upstream: ScriptedClient) -> None:
    upstream.replies = [token("t0ken")]
    begun = errands.begun(call(TaskType.COMPLETION, secrets=CLIENT_SECRET, **OAUTH2), OpenAITaskSettings())
    errand = await errands.made(begun, b"{}")
    assert errand.request.headers[-1] == ("Authorization", "Bearer t0ken")
    assert errand.call.secrets.mask("t0ken of s3cret") == "*** of ***"
    told = errand.refusal(400, {}, b'{"error":{"message":"bad t0ken","type":"t"}}').failure
    assert told.reason.endswith("Error message: [bad ***]")


@pytest.mark.parametrize(("status", "asked"), [(401, 2), (403, 1), (500, 1)])
async def test_only_a_401_ends_a_token(
    errands: Errands, upstream: ScriptedClient, status: int, asked: int
) -> None:
    upstream.replies = [token("one"), token("two")]
    begun = errands.begun(call(TaskType.COMPLETION, secrets=CLIENT_SECRET, **OAUTH2), OpenAITaskSettings())
    errand = await errands.made(begun, b"{}")
    assert errand.refusal(status, {}, b"").again is (status == 500)
    await errands.made(begun, b"{}")
    assert len(upstream.requests) == asked


async def test_a_traceparent_is_handed_on_unless_a_header_of_the_users_replaces_it(errands: Errands) -> None:
    made = msgspec.structs.replace(call(TaskType.COMPLETION), traceparent="00-1-2-01")
    plain = await errands.made(errands.begun(made, OpenAITaskSettings()), b"{}")
    assert ("traceparent", "00-1-2-01") in plain.request.headers
    own = await errands.made(errands.begun(made, OpenAITaskSettings(headers={"Traceparent": "mine"})), b"{}")
    assert [pair for pair in own.request.headers if pair[0].lower() == "traceparent"] == [("Traceparent", "mine")]
