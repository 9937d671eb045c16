"""``inference``: one JSON answer (elasticsearch-rest §4)."""

import gzip

import pytest

from tests.contract.expected import error, status
from tests.served import Served


async def test_embeddings_come_one_an_input_in_their_order(inferd: Served) -> None:
    await inferd.put("e", "text_embedding", dimensions=3)
    one = await inferd.ask("POST", "/_inference/text_embedding/e", {"input": "a"})
    many = await inferd.ask("POST", "/_inference/e", {"input": ["b", "a", "c"]})
    assert (one.status, one.text) == (200, '{"text_embedding":[{"embedding":[-0.7545837,0.5781875,0.31032664]}]}')
    assert many.status == 200
    assert list(many.json) == ["text_embedding"]
    assert many.json["text_embedding"][1] == one.json["text_embedding"][0]
    assert one.headers["Content-Type"] == "application/json"
    assert one.headers["X-elastic-product"] == "Elasticsearch"


async def test_a_completion_is_one_text(inferd: Served) -> None:
    await inferd.put("c", "completion")
    answer = await inferd.ask("POST", "/_inference/completion/c", {"input": "Hello", "task_settings": {"user": "u"}})
    assert answer.status == 200
    (completion,) = answer.json["completion"]
    assert list(completion) == ["result"] and "Hello" in completion["result"]


@pytest.mark.parametrize("path", ["chat", "chat_completion/chat", "any/chat", "completion/chat"])
async def test_a_chat_is_sent_to_its_own_route(inferd: Served, path: str) -> None:
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("POST", f"/_inference/{path}", {"input": "a"})
    text = (
        "Inference entity [chat] does not support task type [chat_completion] for inference, the task type must be one "
        "of [text_embedding, embedding, completion]. The task type for the inference entity is chat_completion, please "
        "use the _inference/chat_completion/chat/_unified URL."
    )
    assert (answer.status, answer.body) == (400, status(text))


@pytest.mark.parametrize(
    ("timeout", "code"), [("30s", 200), ("0", 200), ("-1", 200), ("2m", 200), ("1500ms", 200), ("5000000micros", 200)]
)
async def test_a_timeout_may_be_written_in_many_ways(inferd: Served, timeout: str, code: int) -> None:
    await inferd.put("e", "text_embedding")
    sent = {"input": "a", "timeout": "1nanos"}
    assert (await inferd.ask("POST", f"/_inference/e?timeout={timeout}", sent)).status == code


NO_UNIT = "as a time value: unit is missing or unrecognized"


@pytest.mark.parametrize(
    ("timeout", "reason", "number"),
    [
        ("abc", f"failed to parse setting [timeout] with value [abc] {NO_UNIT}", None),
        ("5", f"failed to parse setting [timeout] with value [5] {NO_UNIT}", None),
        ("5M", f"failed to parse setting [timeout] with value [5M] {NO_UNIT}", None),
        (
            "-5s",
            "failed to parse setting [timeout] with value [-5s] as a time value: negative durations are not supported",
            None,
        ),
        ("1.5s", "failed to parse [1.5s], fractional time values are not supported", "1.5"),
        ("xs", "failed to parse [xs]", "x"),
    ],
)
async def test_a_timeout_that_is_none(inferd: Served, timeout: str, reason: str, number: str | None) -> None:
    await inferd.put("e", "text_embedding")
    answer = await inferd.ask("POST", f"/_inference/e?timeout={timeout}", {"input": "a"})
    causes = [("number_format_exception", f'For input string: "{number}"')] if number is not None else []
    assert (answer.status, answer.body) == (400, error("illegal_argument_exception", reason, 400, *causes, root=0))


@pytest.mark.parametrize("path", ["missing", "e", "e/_stream", "e/_unified", "completion/missing/_stream"])
async def test_a_timeout_that_is_none_is_told_before_all_else_and_in_plain_json(inferd: Served, path: str) -> None:
    await inferd.put("e", "text_embedding")
    answer = await inferd.ask("POST", f"/_inference/{path}?timeout=abc&other=1", {"inputs": 5})
    reason = f"failed to parse setting [timeout] with value [abc] {NO_UNIT}"
    assert (answer.status, answer.body) == (400, error("illegal_argument_exception", reason, 400, root=0))
    assert answer.headers["Content-Type"] == "application/json"


async def test_a_request_whose_time_is_over_says_so_in_body_and_header(inferd: Served) -> None:
    await inferd.put("c", "completion", "sim-slow")
    answer = await inferd.ask("POST", "/_inference/c?timeout=100ms", {"input": "a"})
    reason = "Request timed out after [100ms] for inference id [c]"
    cause = '{"type":"timeout_exception","reason":"' + reason + '","timed_out":true'
    assert answer.text == '{"error":{"root_cause":[' + cause + "}]," + cause[1:] + '},"status":429}'
    assert (answer.status, answer.headers["X-Timed-Out"]) == (429, "?1")


@pytest.mark.parametrize(
    ("model", "code", "reason"),
    [
        (
            "sim-429",
            429,
            "Received a rate limit status code for request from inference entity id [c] status [429]. "
            "Error message: [Rate limit reached for requests. Please try again in 1s.]",
        ),
        (
            "sim-502",
            502,
            "Received a server error status code for request from inference entity id [c] status [502]. "
            "Error message: [The simulated gateway got no answer.]",
        ),
        (
            "sim-echo-key",
            401,
            "Received an authentication error status code for request from inference entity id [c] status [401]. "
            "Error message: [Incorrect API key provided: ***.]",
        ),
    ],
)
async def test_what_the_provider_refuses(inferd: Served, model: str, code: int, reason: str) -> None:
    inferd.skip_trials()
    await inferd.put("c", "completion", model)
    answer = await inferd.ask("POST", "/_inference/completion/c?timeout=500ms", {"input": "a"})
    assert (answer.status, answer.body) == (code, status(reason, code))


async def test_bodies_may_be_packed(inferd: Served) -> None:
    await inferd.put("e", "text_embedding", dimensions=3)
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    plain = await inferd.ask("POST", "/_inference/e", {"input": "a"})
    for raw in (gzip.compress(b'{"input":"a"}'), gzip.compress(b'{"input"') + gzip.compress(b':"a"}')):
        assert (await inferd.ask("POST", "/_inference/e", raw, packed)).body == plain.body
    bomb = gzip.compress(b'{"input":"' + b"a" * 20_000_000 + b'"}')
    for raw, code, reason in (
        (b'{"input":"a"}', 400, "the request body is not valid gzip"),
        (gzip.compress(b'{"input":"a"}')[:-4], 400, "the request body is gzip that was cut off"),
        (gzip.compress(b'{"input":"a"}') + b"more", 400, "the request body is not valid gzip"),
        (bomb, 413, f"the request body is larger than [{len(bomb) * 100}] bytes"),
    ):
        answer = await inferd.ask("POST", "/_inference/e", raw, packed)
        assert (answer.status, answer.reason) == (code, reason)
