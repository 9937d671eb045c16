"""Texts that a provider finds too long: embeddings are shortened, answers in words never are."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.upstream_faults import COMPLETION, EMBEDDINGS, TOO_LONG
from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, Script, answer, chunk, delta, scripted
from tests.served import Answer, Served, served

TEXT = "0123456789abcdef"
REFUSALS = {413: answer(b'{"error":{"message":"no"}}', "413 L"), 400: answer(TOO_LONG, "400 B")}
STREAM: Script = [STREAM_HEAD + chunk(delta("one two", "stop") + DONE) + LAST_CHUNK]

EMBEDDING_TASKS = ["text_embedding", "embedding"]
TALKING = [("completion", ""), ("completion", "/_stream"), ("chat_completion", "/_unified")]

refusals = pytest.mark.parametrize("status", [413, 400])
embedding = pytest.mark.parametrize("task", EMBEDDING_TASKS)


@pytest.fixture
async def inferd(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as inferd:
        inferd.skip_trials()
        yield inferd


async def asked(
    inferd: Served, task: str, path: str, text: str, *scripts: Script, **settings: object
) -> tuple[Answer, list[dict[str, Any]]]:
    """The answer to a request with ``text``, and every body that the provider was sent for it."""
    async with scripted(*scripts) as upstream:
        await inferd.put("e", task, "sim", url=upstream.url, **settings)
        body = {"messages": [{"role": "user", "content": text}]} if "chat" in task else {"input": [text]}
        got = await inferd.ask("POST", f"/_inference/{task}/e{path}", body)
        return got, [msgspec.json.decode(received.body) for received in upstream.received]


@refusals
@embedding
@pytest.mark.parametrize("times", [1, 2])
async def test_an_embedding_is_asked_for_again_with_half_of_each_text(
    inferd: Served, task: str, status: int, times: int
) -> None:
    got, sent = await asked(inferd, task, "", TEXT, *[[REFUSALS[status]]] * times, [answer(EMBEDDINGS)])
    assert got.status == 200
    assert [body["input"] for body in sent] == [[TEXT], [TEXT[:8]], [TEXT[:4]]][: times + 1]


@refusals
@embedding
async def test_the_third_refusal_is_the_answer(inferd: Served, task: str, status: int) -> None:
    got, sent = await asked(inferd, task, "", TEXT, [REFUSALS[status]])
    assert (got.status, len(sent)) == (status, 3)
    assert got.reason.startswith("Received a content too large status code for request from inference entity id [e]")


@embedding
async def test_what_cannot_be_shortened_is_not_sent_again(inferd: Served, task: str) -> None:
    got, sent = await asked(inferd, task, "", "x", [REFUSALS[413]])
    assert (got.status, len(sent)) == (413, 1)


@embedding
@pytest.mark.parametrize("text", [TEXT, "0123456"])
async def test_a_text_is_cut_to_three_characters_a_token_first(inferd: Served, task: str, text: str) -> None:
    got, sent = await asked(inferd, task, "", text, [REFUSALS[413]], [answer(EMBEDDINGS)], max_input_tokens=2)
    assert got.status == 200
    assert [body["input"] for body in sent] == [["012345"], ["012"]]


@embedding
async def test_no_character_is_cut_in_two(inferd: Served, task: str) -> None:
    _, sent = await asked(inferd, task, "", "a😀😀", [REFUSALS[413]], [answer(EMBEDDINGS)], max_input_tokens=1)
    assert [body["input"] for body in sent] == [["a😀"], ["a"]]


@refusals
@pytest.mark.parametrize(("task", "path"), TALKING)
async def test_a_prompt_is_never_shortened_and_not_sent_again(
    inferd: Served, task: str, path: str, status: int
) -> None:
    got, sent = await asked(inferd, task, path, TEXT, [REFUSALS[status]])
    assert got.status == status
    assert [body["messages"][0]["content"] for body in sent] == [TEXT]


@pytest.mark.parametrize(("task", "path"), TALKING)
async def test_max_input_tokens_means_nothing_to_a_prompt(inferd: Served, task: str, path: str) -> None:
    right = STREAM if path else [answer(COMPLETION)]
    got, sent = await asked(inferd, task, path, TEXT, right, max_input_tokens=1)
    assert got.status == 200
    assert [body["messages"][0]["content"] for body in sent] == [TEXT]
