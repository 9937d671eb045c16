"""``_stream``."""

from pathlib import Path

import pytest

from tests.served import Served, served

CHAT = {"messages": [{"role": "user", "content": "Hello"}]}


async def test_pieces_of_a_completion_and_a_whole_embedding(inferd: Served) -> None:
    await inferd.put("c", "completion")
    await inferd.put("m", "embedding", dimensions=2)
    pieces = await inferd.ask("POST", "/_inference/c/_stream", {"input": "a"})
    assert pieces.status == 200 and pieces.body.count(b'{"completion":[{"delta":"') > 2
    whole = await inferd.ask("POST", "/_inference/m/_stream", {"input": "a"})
    assert whole.body.startswith(b'event: message\ndata: {"embeddings":[') and whole.body.count(b"event:") == 2


async def test_embeddings_do_not_stream_nor_do_chats_here(inferd: Served) -> None:
    await inferd.put("e", "text_embedding")
    await inferd.put("chat", "chat_completion")
    assert (await inferd.ask("POST", "/_inference/e/_stream", {"input": "a"})).status == 405
    assert (await inferd.ask("POST", "/_inference/chat/_stream", CHAT)).status == 400


@pytest.mark.parametrize("path", ["chat", "chat_completion/chat"])
async def test_chats_do_where_that_is_switched_on(tmp_path: Path, path: str) -> None:
    async with served(tmp_path, compat_chat_on_stream_route="true") as inferd:
        await inferd.put("chat", "chat_completion")
        await inferd.put("c", "completion")
        answer = await inferd.ask("POST", f"/_inference/{path}/_stream", CHAT)
        assert answer.status == 200 and b'"object":"chat.completion.chunk"' in answer.body
        assert (await inferd.ask("POST", "/_inference/c/_stream", {"input": "a"})).status == 200
        wrong = await inferd.ask("POST", f"/_inference/{path}/_stream", {})
        assert wrong.body.startswith(b'event: error\ndata: {"error":{"code":"bad_request",')
        assert (await inferd.ask("POST", "/_inference/nothing/_stream", CHAT)).status == 404
