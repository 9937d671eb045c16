"""What the inference routes without chat have in common."""

import pytest

from tests.served import Served

LONG = b'["%b"]' % b'","'.join([b"one two " * 10_000] * 4)
CHAT = "please use the _inference/chat_completion/chat/_unified URL."


@pytest.mark.parametrize(
    ("path", "raw", "code", "begins"),
    [
        ("e", b'{"input":"a","timeout":"1s","task_settings":{},"input_type":"unspecified"}', 200, ""),
        ("e", b'{"input":["a","b"],"chunk":false,"chunking_settings":null}', 200, ""),
        ("embedding/m", b'{"input":{"content":{"type":"text","value":"a"}}}', 200, ""),
        ("c", b'{"input":"a","input_type":"search"}', 200, ""),
        ("completion/c", b'{"input":"a","input_type":"search"}', 400,
         "Validation Failed: 1: Field [input_type] cannot be specified for task type [completion];"),
        ("e", b'{"input":%b}' % LONG, 200, ""),
        ("completion/c", b'{"input":%b,"input_type":"search"}' % LONG, 400,
         "Validation Failed: 1: Field [input_type] cannot be specified for task type [completion];"),
        ("e", b"{}", 400, "Validation Failed: 1: Field [input] cannot be null;"),
        ("e", b'{"input":[]}', 400, "Validation Failed: 1: Field [input] cannot be an empty array;"),
        ("e", b'{"input":"a","chunking_settings":{}}', 400, "Validation Failed: 1: Field [chunking_settings] can only"),
        ("c", b'{"chunk":true}', 400, "[1:2] [cluster:internal/xpack/inference] unknown field [chunk]"),
        ("c", b'{"chunking_settings":{}}', 400,
         "[1:2] [cluster:internal/xpack/inference] unknown field [chunking_settings]"),
        ("rerank/e", b'{"query":1}', 400, "Incompatible task_type, the requested type [rerank] does not match"),
        ("rerank/e", b"[", 400, "[1:2] Unexpected end-of-input"),
        ("nothing", b"[", 404, "Inference endpoint not found [nothing]"),
        ("completion/nothing", b'{"input":"a"}', 404, "Inference endpoint not found [nothing]"),
        ("chat", b"[", 400, "Inference entity [chat] does not support task type [chat_completion]"),
        ("chat_completion/c", b"[", 400, "Inference entity [c] does not support task type [chat_completion]"),
        ("completion/chat", b'{"input":"a"}', 400, "Inference entity [chat] does not support task type"),
    ],
)  # fmt: skip
async def test_what_is_asked_of_whom(inferd: Served, path: str, raw: bytes, code: int, begins: str) -> None:
    inferd.skip_trials()
    await inferd.put("e", "text_embedding")
    await inferd.put("m", "embedding")
    await inferd.put("c", "completion")
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("POST", f"/_inference/{path}", raw)
    assert answer.status == code, answer.text
    if code != 200:
        assert answer.reason.startswith(begins)
