"""``inference`` for the task ``embedding``, whose body is of its own kind (elasticsearch-rest §4.4)."""

import pytest

from tests.contract.expected import bad_request, error, malformed, status
from tests.served import Served


@pytest.mark.parametrize(
    "sent",
    [
        "a",
        ["a"],
        {"content": {"type": "text", "value": "a"}},
        {"content": [{"type": "TEXT", "format": "Text", "value": "a"}]},
        ["a", {"content": {"type": "text", "value": "a"}}],
    ],
)
async def test_an_embedding_takes_texts_and_objects_around_them(inferd: Served, sent: object) -> None:
    await inferd.put("m", "embedding", dimensions=3)
    answer = await inferd.ask("POST", "/_inference/embedding/m", {"input": sent, "input_type": "ingest"})
    number = 2 if isinstance(sent, list) and len(sent) == 2 else 1
    vector = '{"embedding":[-0.7545837,0.5781875,0.31032664]}'
    assert (answer.status, answer.text) == (200, '{"embeddings":[' + ",".join([vector] * number) + "]}")


SINGLE = (
    "Field [content] must contain a single item for [openai] service. "
    "[content] object with multiple items found at $.input.content[1]"
)
FAILED = "[EmbeddingRequest] failed to parse field [input]"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"input":[]}', bad_request("Field [inputs] cannot be an empty array")),
        (b"{}", error("illegal_argument_exception", "Required [input]")),
        (b'{"input":null}', malformed("[1:10] [EmbeddingRequest] input doesn't support values of type: VALUE_NULL")),
        (b'{"input":[1]}', malformed("[1:11] " + FAILED)),
        (b'{"input":{"content":{"type":"text"}}}', malformed("[1:21] " + FAILED)),
        (
            b'{"input":"a","timeout":"1s"}',
            malformed("[1:14] [EmbeddingRequest] unknown field [timeout]"),
        ),
        (
            b'{"input":{"content":{"type":"smell","value":"x"}}}',
            error(
                "x_content_parse_exception",
                "[1:21] " + FAILED,
                400,
                (
                    "illegal_argument_exception",
                    "Unrecognized type [smell], must be one of [text, image, audio, video, pdf]",
                ),
            ),
        ),
        (
            b'{"input":["a",{"content":{"type":"text","format":"base64","value":"x"}}]}',
            error(
                "x_content_parse_exception",
                "[1:26] " + FAILED,
                400,
                (
                    "illegal_argument_exception",
                    "Data type [text] does not support data format [base64], supported formats are [text]",
                ),
            ),
        ),
        (
            b'{"input":{"content":[{"type":"image","value":"x"}]}}',
            error(
                "x_content_parse_exception",
                "[1:21] " + FAILED,
                400,
                (
                    "illegal_argument_exception",
                    "base64 inputs must be specified as data URIs with the format [data:{MIME-type};base64,...]",
                ),
            ),
        ),
        (
            b'{"input":{"content":[]}}',
            error(
                "x_content_parse_exception",
                "[1:10] " + FAILED,
                400,
                ("illegal_argument_exception", "Field [content] cannot be an empty array"),
            ),
        ),
        (
            b'{"input":{"content":{"type":"image","value":"data:image/png;base64,AAAA"}}}',
            status("The openai service does not support embedding with non-text inputs"),
        ),
        (
            b'{"input":["a",{"content":[{"type":"text","value":"x"},{"type":"text","value":"y"}]}]}',
            status(SINGLE),
        ),
        (
            b'{"input":"a","chunking_settings":{"strategy":"none"}}',
            bad_request("Field [chunking_settings] can only be specified together with [chunk] set to [true]"),
        ),
    ],
)
async def test_an_embedding_refuses_anything_else(inferd: Served, raw: bytes, expected: bytes) -> None:
    await inferd.put("m", "embedding")
    answer = await inferd.ask("POST", "/_inference/m", raw)
    assert (answer.status, answer.body) == (400, expected)
