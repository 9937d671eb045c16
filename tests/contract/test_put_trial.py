"""``put``: the call to the provider before an endpoint is stored (elasticsearch-rest §3.5, contract §2.5)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.contract.expected import error, not_found, status
from tests.contract.put_body import body
from tests.scripted_upstream import Connection, Script, answer, close, refusing, reset, scripted
from tests.served import Served, served

REFUSED = "Could not complete inference endpoint creation as validation call to service threw an exception."
THREE = answer(b'{"data":[{"index":0,"embedding":[0.5,-1,2]}]}')
SAID = b'{"error":{"message":"no","type":"t"}}'
PUT = "/_inference/text_embedding/e"


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Served]:
    """An inferd whose endpoints are tried."""
    async with served(tmp_path) as inferd:
        yield inferd


async def test_the_input_is_how_big_and_what_it_shows_is_filled_in(local: Served) -> None:
    async with scripted([THREE]) as upstream:
        told = await local.ask("PUT", PUT, body(url=upstream.url))
        assert told.status == 200
        assert list(told.json["service_settings"].items()) == [
            ("model_id", "m"), ("url", upstream.url), ("similarity", "dot_product"), ("dimensions", 3),
            ("rate_limit", {"requests_per_minute": 3000}),
        ]  # fmt: skip
        assert upstream.received[0].body == b'{"input":["how big"],"model":"m","encoding_format":"base64"}'


@pytest.mark.parametrize("task_type", ["completion", "chat_completion"])
async def test_a_model_that_writes_is_asked_the_same(local: Served, task_type: str) -> None:
    async with scripted([answer(SAID, "403 F")]) as upstream:
        told = await local.ask("PUT", f"/_inference/{task_type}/e", body(url=upstream.url))
        assert told.status == 400
        sent = msgspec.json.decode(upstream.received[0].body)
    assert sent["messages"] == [{"content": "how big", "role": "user"}]
    assert sent["stream"] == (task_type == "chat_completion")


async def test_a_size_other_than_the_one_set_is_refused(local: Served) -> None:
    async with scripted([THREE]) as upstream:
        told = await local.ask("PUT", PUT, body(url=upstream.url, dimensions=4))
        text = (
            "The retrieved embeddings size [3] does not match the size specified in the settings [4]. "
            "Please recreate the [e] configuration with the correct dimensions"
        )
        assert (told.status, told.body) == (400, status(text))
        assert b'"dimensions":4' in upstream.received[0].body
        assert len(upstream.received) == 1
    assert (await local.ask("GET", "/_inference/e")).body == not_found("e")


async def test_the_size_set_and_a_similarity_of_one_s_own_stay(local: Served) -> None:
    async with scripted([THREE]) as upstream:
        told = await local.ask("PUT", PUT, body(url=upstream.url, dimensions=3, similarity="L2_Norm"))
    assert (told.status, told.json["service_settings"]["similarity"]) == (200, "l2_norm")


def refusal(code: int, prefix: str, shown: str = ". Error message: [no]") -> bytes:
    told = f"{prefix} for request from inference entity id [e] status [{code}]{shown}"
    return error("status_exception", REFUSED, 400, ("status_exception", told))


LIMITS = "Token limit [unknown], remaining tokens [unknown]. Request limit [unknown], remaining requests [unknown]"

REFUSALS: list[tuple[str, Script, bytes]] = [
    ("401", [answer(SAID, "401 U")], refusal(401, "Received an authentication error status code")),
    ("403", [answer(SAID, "403 F")], refusal(403, "Received an unsuccessful status code")),
    ("400", [answer(SAID, "400 B")], refusal(400, "Received a bad request status code")),
    ("422", [answer(SAID, "422 U")], refusal(422, "Received an input validation error response")),
    ("413", [answer(SAID, "413 L")], refusal(413, "Received a content too large status code")),
    ("429", [answer(SAID, "429 T")], refusal(429, f"Received a rate limit status code. {LIMITS}")),
    ("500", [answer(SAID, "500 I")], refusal(500, "Received a server error status code")),
    ("redirected", [answer(b"", "307 T", b"Location: http://127.0.0.1:9/\r\n")],
     refusal(307, "Unhandled redirection", "")),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["lenient", "strict"])
@pytest.mark.parametrize(("script", "expected"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
async def test_a_refusal_is_told_with_its_cause_and_not_tried_again(
    tmp_path: Path, mode: str, script: Script, expected: bytes
) -> None:
    async with scripted(script) as upstream, served(tmp_path, inference_validate_on_put=mode) as inferd:
        told = await inferd.ask("PUT", PUT, body(url=upstream.url))
        assert (told.status, told.body) == (400, expected)
        assert len(upstream.received) == 1
        assert (await inferd.ask("GET", "/_inference/e")).status == 404


async def test_a_page_that_is_not_there_is_named(local: Served) -> None:
    async with scripted([answer(b"<h1>404</h1>", "404 N")]) as upstream:
        told = await local.ask("PUT", PUT, body(url=upstream.url))
        assert (told.status, told.body) == (400, refusal(404, f"Resource not found at [{upstream.url}]", ""))


SEND = "Failed to send OpenAI embeddings request. Cause:"

ODD: list[tuple[str, Script, str]] = [
    ("nothing", [answer(b"")], f"{SEND} Response body was empty for request from inference entity id [e]"),
    ("no vector", [answer(b'{"data":[]}')],
     f"{SEND} the number of embedding responses [0] does not equal the number of requests [1]"),
    ("an empty vector", [answer(b'{"data":[{"embedding":[]}]}')], f"{SEND} [embedding] is empty"),
    ("no JSON", [answer(b"<html>")], f"{SEND} JSON is malformed: invalid character (byte 0)"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "cause"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
async def test_an_answer_that_cannot_be_read_is_a_refusal(local: Served, script: Script, cause: str) -> None:
    async with scripted(script) as upstream:
        told = await local.ask("PUT", PUT, body(url=upstream.url))
    assert (told.status, told.body) == (400, error("status_exception", REFUSED, 400, ("status_exception", cause)))


UNREACHABLE: list[tuple[str, Script, str]] = [
    ("closed", [close], f"{SEND} the connection was closed before an answer came"),
    ("reset", [reset], f"{SEND} Connection reset by peer"),
    ("502", [answer(SAID, "502 B")], "Received a server error status code"),
    ("503", [answer(SAID, "503 S")], "Received a server busy error status code"),
    ("504", [answer(SAID, "504 G")], "Received a server error status code"),
]


@pytest.mark.parametrize(("script", "why"), [row[1:] for row in UNREACHABLE], ids=[row[0] for row in UNREACHABLE])
async def test_who_cannot_be_reached_is_a_warning_or_in_the_strict_mode_a_refusal(
    tmp_path: Path, script: Script, why: str
) -> None:
    for mode in ("lenient", "strict"):
        async with scripted(script) as upstream, served(tmp_path / mode, inference_validate_on_put=mode) as inferd:
            told = await inferd.ask("PUT", PUT, body(url=upstream.url))
            assert len(upstream.received) == 1
            reason = why
            if why.startswith("Received"):
                code = int(script[0][9:12]) if isinstance(script[0], bytes) else 0
                reason += f" for request from inference entity id [e] status [{code}]. Error message: [no]"
            if mode == "strict":
                cause = ("status_exception", reason)
                assert (told.status, told.body) == (400, error("status_exception", REFUSED, 400, cause))
                continue
            assert told.headers["Warning"] == f'299 Elasticsearch-9.5.0-inferd "stored without validation: {reason}"'
            assert told.json["service_settings"] == {
                "model_id": "m", "url": upstream.url, "rate_limit": {"requests_per_minute": 3000}
            }  # fmt: skip
            assert (await inferd.ask("GET", "/_inference/e")).json == {"endpoints": [told.json]}


async def test_a_provider_that_comes_later_is_healthy_then(local: Served) -> None:
    async with scripted([close], [answer(b'{"data":[{"embedding":[1]}]}')]) as upstream:
        assert "Warning" in (await local.ask("PUT", PUT, body(url=upstream.url))).headers
        for state in ("unverified", "ok"):
            assert (await local.ask("GET", "/_health")).json["upstreams"]["e"]["state"] == state
            assert (await local.ask("POST", "/_inference/e", {"input": "a"})).status == 200


async def test_a_port_where_nobody_listens(local: Served) -> None:
    with refusing() as url:
        told = await local.ask("PUT", PUT, body(url=url))
    assert told.status == 200
    assert told.headers["Warning"].endswith(f'"stored without validation: {SEND} Connection refused"')


async def test_an_update_is_tried_in_the_same_way(local: Served) -> None:
    async with scripted([THREE], [answer(SAID, "401 U")], [close]) as upstream:
        made = await local.ask("PUT", PUT, body(url=upstream.url))
        change = {"task_settings": {"user": "u"}}
        refused = await local.ask("PUT", f"{PUT}/_update", change)
        assert (refused.status, refused.body) == (400, refusal(401, "Received an authentication error status code"))
        assert (await local.ask("GET", "/_inference/e")).json == {"endpoints": [made.json]}
        warned = await local.ask("PUT", f"{PUT}/_update", change)
        assert (warned.status, "Warning" in warned.headers) == (200, True)
        assert (await local.ask("GET", "/_inference/e")).json == {"endpoints": [warned.json]}


@pytest.mark.parametrize("said", [b'{"detail":"encoding_format: Extra inputs are not permitted"}', b"no base64 here"])
async def test_an_upstream_that_knows_no_base64_may_say_so_in_any_form(local: Served, said: bytes) -> None:
    async with scripted([answer(said, "422 U")], [answer(b'{"data":[{"embedding":[1.50]}]}')]) as upstream:
        assert (await local.ask("PUT", PUT, body(url=upstream.url))).status == 200
        embedded = await local.ask("POST", PUT, {"input": "a"})
        assert embedded.body == b'{"text_embedding":[{"embedding":[1.50]}]}'
        sent = [msgspec.json.decode(received.body).get("encoding_format") for received in upstream.received]
        assert sent == ["base64", None, None]


async def test_a_refused_put_sends_nobody_away_who_waits_to_make_the_same_endpoint(tmp_path: Path) -> None:
    waiting = asyncio.Event()

    async def until_the_other_waits(connection: Connection) -> None:
        await waiting.wait()

    async with (
        served(tmp_path, limits_burst="1") as inferd,
        scripted([until_the_other_waits, answer(SAID, "401 U")], [THREE]) as upstream,
    ):
        sent = body(url=upstream.url, rate_limit={"requests_per_minute": 120})
        refused = asyncio.create_task(inferd.ask("PUT", PUT, sent))
        await upstream.asked()
        made = asyncio.create_task(inferd.ask("PUT", PUT, sent))
        (limit,) = inferd.parts.limits
        while limit.waiting == 0:
            await asyncio.sleep(0.01)
        waiting.set()
        assert [(await refused).status, (await made).status] == [400, 200]
