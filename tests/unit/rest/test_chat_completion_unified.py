"""``_unified``."""

import threading

import pytest

from inferd.rest import chat_completion_unified
from inferd.rest.shape import decode
from inferd.steps import LONG
from tests.served import Served

CHAT = {"messages": [{"role": "user", "content": "Hello"}]}


async def test_chunks_are_events(inferd: Served) -> None:
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("POST", "/_inference/chat/_unified", CHAT)
    assert answer.status == 200 and answer.body.count(b'"object":"chat.completion.chunk"') > 2
    assert answer.body.endswith(b"event: message\ndata: [DONE]\n\n")


@pytest.mark.parametrize(("length", "beside"), [(LONG // 2, False), (LONG, True)])
async def test_a_long_conversation_is_read_beside_the_loop(
    inferd: Served, monkeypatch: pytest.MonkeyPatch, length: int, beside: bool
) -> None:
    readers: list[threading.Thread] = []

    def read(*args: object) -> object:
        readers.append(threading.current_thread())
        return decode(*args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(chat_completion_unified, "decode", read)
    await inferd.put("chat", "chat_completion")
    long = {"messages": [{"role": "user", "content": "a" * length}]}
    assert (await inferd.ask("POST", "/_inference/chat/_unified", long)).status == 200
    refused = await inferd.ask("POST", "/_inference/chat/_unified", {**long, "x": 1})
    assert refused.status == 400 and "unknown field [x]" in refused.text
    assert [reader is not threading.main_thread() for reader in readers] == [beside, beside]


@pytest.mark.parametrize(
    ("path", "body", "code", "text"),
    [
        ("chat", {"messages": []}, 400, "Field [messages] cannot be an empty array"),
        ("nothing", {}, 404, "Inference endpoint not found [nothing]"),
        ("chat_completion/nothing", CHAT, 404, "Inference endpoint not found [nothing]"),
        ("chat_completion/c", CHAT, 400, "does not match the model type [completion]"),
        ("completion/c", CHAT, 400, "must be one of [chat_completion]"),
        ("c", CHAT, 400, "must be one of [chat_completion]"),
    ],
)
async def test_what_is_refused(inferd: Served, path: str, body: object, code: int, text: str) -> None:
    await inferd.put("chat", "chat_completion")
    await inferd.put("c", "completion")
    answer = await inferd.ask("POST", f"/_inference/{path}/_unified", body)
    assert answer.status == code and text in answer.text
    assert answer.body.startswith(b'event: error\ndata: {"error":{"code":"')
