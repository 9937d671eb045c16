"""One token for all who wait: fetched once, kept while it is good, never after its settings have changed."""

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from inferd.errors import RequestTimedOut, UpstreamRefusal, UpstreamUnreachable
from inferd.schema.endpoint import Secrets, TaskType
from inferd.schema.inference import Call, Deadline, Trace
from inferd.services.openai import oauth2
from inferd.services.openai.oauth2 import Tokens
from inferd.standing import Standings
from inferd.upstream.client import Trouble, Unreachable
from inferd.upstream.sender import Sender
from tests.unit.services.openai.endpoints import OAUTH2, endpoint
from tests.unit.services.openai.upstream import Reply, ScriptedClient
from tests.unit.virtual_time import run


class Bench:
    """Tokens on a scripted token endpoint."""

    def __init__(self, replies: Sequence[Reply | Trouble]) -> None:
        self.client = ScriptedClient(replies)
        self.standings = Standings()
        self.tokens = Tokens(Sender(self.client, self.standings, stream_idle_timeout=300, max_response=1 << 20))

    @property
    def fetches(self) -> int:
        return len(self.client.requests)


def reply(token: str, expires_in: int = 3600, after: asyncio.Event | None = None) -> Reply:
    body = msgspec.json.encode({"access_token": token, "token_type": "bearer", "expires_in": expires_in})
    return Reply(body) if after is None else Reply(after, body)


def call(*, seconds: float = 30.0, secret: str = "s3cret", inference_id: str = "e", **changes: object) -> Call:
    return Call(
        endpoint=endpoint(TaskType.COMPLETION, inference_id=inference_id, **(OAUTH2 | changes)),
        secrets=Secrets({"client_secret": secret}),
        deadline=Deadline(asyncio.get_running_loop().time() + seconds, "30s"),
        trace=Trace(),
    )


async def test_a_token_is_fetched_once_and_kept() -> None:
    bench = Bench([reply("one")])
    assert [await bench.tokens.token(call()) for _ in range(3)] == ["one"] * 3
    assert bench.fetches == 1
    assert bench.client.given[0].closed


def test_a_token_is_used_until_shortly_before_its_end() -> None:
    async def scenario() -> None:
        bench = Bench([reply("one"), reply("two")])
        assert await bench.tokens.token(call()) == "one"
        await asyncio.sleep(3539)
        assert await bench.tokens.token(call()) == "one"
        await asyncio.sleep(2)
        assert await bench.tokens.token(call()) == "two"

    run(scenario())


def test_its_life_counts_from_when_it_was_asked_for() -> None:
    async def scenario() -> None:
        slow = asyncio.Event()
        bench = Bench([reply("one", 100, after=slow), reply("two")])
        asyncio.get_running_loop().call_later(20, slow.set)
        assert await bench.tokens.token(call()) == "one"
        await asyncio.sleep(54)
        assert await bench.tokens.token(call()) == "one"
        await asyncio.sleep(2)
        assert await bench.tokens.token(call()) == "two"

    run(scenario())


async def test_a_token_without_life_serves_those_who_waited_for_it_and_no_others() -> None:
    bench = Bench([reply("one", 0), reply("two", 0)])
    first = await asyncio.gather(*(bench.tokens.token(call()) for _ in range(5)))
    assert first == ["one"] * 5
    assert await bench.tokens.token(call()) == "two"


async def test_many_who_come_at_once_wait_for_one_fetch() -> None:
    bench = Bench([reply("one")])
    tokens = await asyncio.gather(*(bench.tokens.token(call(inference_id=f"e{number}")) for number in range(200)))
    assert set(tokens) == {"one"}
    assert bench.fetches == 1


async def test_one_who_leaves_does_not_take_the_token_from_the_others() -> None:
    slow = asyncio.Event()
    bench = Bench([reply("one", after=slow)])
    first = asyncio.create_task(bench.tokens.token(call()))
    others = [asyncio.create_task(bench.tokens.token(call())) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    slow.set()
    assert await asyncio.gather(*others) == ["one"] * 3
    assert bench.fetches == 1


async def test_a_fetch_that_all_have_left_serves_who_comes_next() -> None:
    slow = asyncio.Event()
    bench = Bench([reply("one", after=slow)])
    first = asyncio.create_task(bench.tokens.token(call()))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    slow.set()
    assert await bench.tokens.token(call()) == "one"
    assert bench.fetches == 1


async def test_a_fetch_that_fails_unheard_is_no_ones_trouble() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    slow = asyncio.Event()
    bench = Bench([Reply(slow, b"no", status=401), reply("two")])
    first = asyncio.create_task(bench.tokens.token(call()))
    await asyncio.sleep(0)
    first.cancel()
    slow.set()
    await asyncio.wait({first})
    while asyncio.all_tasks() != {asyncio.current_task()}:
        await asyncio.sleep(0)
    assert await bench.tokens.token(call()) == "two"
    del first  # Its traceback holds the fetch.
    gc.collect()
    assert complaints == []


def test_each_waits_no_longer_than_its_own_deadline() -> None:
    async def scenario() -> None:
        slow = asyncio.Event()
        bench = Bench([reply("one", after=slow)])
        asyncio.get_running_loop().call_later(10, slow.set)
        hasty = asyncio.create_task(bench.tokens.token(call(seconds=5)))
        patient = asyncio.create_task(bench.tokens.token(call(seconds=20)))
        with pytest.raises(RequestTimedOut) as over:
            await hasty
        assert over.value.reason == "Request timed out after [30s] for inference id [e]"
        assert await patient == "one"

    run(scenario())


def test_a_token_endpoint_that_never_answers_is_given_up() -> None:
    async def scenario() -> None:
        bench = Bench([Reply(asyncio.Event()), reply("two")])
        with pytest.raises(UpstreamUnreachable) as never:
            await bench.tokens.token(call(seconds=100))
        assert never.value.reason == (
            "Failed to retrieve access token for request for inference id [e]: "
            "the token URL did not answer within 30 seconds"
        )
        assert never.value.status == 504
        assert bench.client.given[0].closed
        assert await bench.tokens.token(call()) == "two"

    run(scenario())


async def test_a_refusal_is_told_to_each_under_its_own_name_and_asked_for_again_later() -> None:
    refused = Reply(b'{"error":"invalid_client","error_description":"s3cret is wrong"}', status=401)
    bench = Bench([refused, reply("two")])
    outcomes = await asyncio.gather(
        *(bench.tokens.token(call(inference_id=name)) for name in ("a", "b")), return_exceptions=True
    )
    for name, outcome in zip("ab", outcomes, strict=True):
        assert isinstance(outcome, UpstreamRefusal)
        assert outcome.status == 401
        assert outcome.reason == (
            f"Failed to retrieve access token for request for inference id [{name}]: [invalid_client] *** is wrong"
        )
        standing = bench.standings.get(name)
        assert standing is not None and standing.state == "failing"
    assert await bench.tokens.token(call()) == "two"


async def test_a_refusal_of_a_trial_says_nothing_of_the_endpoint() -> None:
    bench = Bench([Reply(b'{"error":"invalid_client"}', status=401)])
    with pytest.raises(UpstreamRefusal):
        await bench.tokens.token(msgspec.structs.replace(call(), attempts=1))
    assert bench.standings.get("e") is None


async def test_a_token_endpoint_that_cannot_be_reached_is_asked_once() -> None:
    bench = Bench([Unreachable("Connection refused")])
    with pytest.raises(UpstreamUnreachable) as unreachable:
        await bench.tokens.token(call())
    assert unreachable.value.reason.endswith("[e]: Connection refused")
    assert bench.fetches == 1


async def test_an_endless_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth2, "MAX_ANSWER", 100)
    endless = Reply(*[b" " * 40] * 1000)
    bench = Bench([endless])
    with pytest.raises(UpstreamRefusal, match="holds no access token"):
        await bench.tokens.token(call())
    assert await endless.read() != b""


@pytest.mark.parametrize(
    "changed",
    [{"secret": "new"}, {"client_id": "other"}, {"scopes": ("a",)}, {"token_url": "https://auth.example/other"}],
)
async def test_changed_settings_never_use_the_old_token(changed: dict[str, Any]) -> None:
    bench = Bench([reply("one"), reply("two")])
    assert await bench.tokens.token(call()) == "one"
    assert await bench.tokens.token(call(**changed)) == "two"


async def test_a_dropped_token_is_fetched_anew() -> None:
    bench = Bench([reply("one"), reply("two")])
    assert await bench.tokens.token(call()) == "one"
    bench.tokens.drop(call(), "one")
    assert await bench.tokens.token(call()) == "two"


async def test_a_late_refusal_of_an_old_token_does_not_drop_the_new_one() -> None:
    bench = Bench([reply("two")])
    bench.tokens.drop(call(), "one")
    assert await bench.tokens.token(call()) == "two"
    bench.tokens.drop(call(), "one")
    assert await bench.tokens.token(call()) == "two"


async def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth2, "MAX_TOKENS", 2)
    bench = Bench([reply(str(number)) for number in range(5)])
    for number in range(3):
        assert await bench.tokens.token(call(client_id=f"c{number}")) == str(number)
    assert await bench.tokens.token(call(client_id="c1")) == "1"
    assert await bench.tokens.token(call(client_id="c2")) == "2"
    assert await bench.tokens.token(call(client_id="c0")) == "3"


async def test_a_renewed_one_counts_as_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth2, "MAX_TOKENS", 2)
    bench = Bench([reply("0", 0), reply("1"), reply("2"), reply("3")])
    for name in ("a", "b", "a", "c"):
        await bench.tokens.token(call(client_id=name))
    assert await bench.tokens.token(call(client_id="a")) == "2"


def test_a_loop_that_ends_takes_its_fetches_with_it() -> None:
    async def scenario() -> None:
        bench = Bench([Reply(asyncio.Event())])
        left = asyncio.create_task(bench.tokens.token(call()))
        await asyncio.sleep(1)
        left.cancel()

    run(scenario())
