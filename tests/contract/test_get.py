"""``get``: reading endpoints (elasticsearch-rest §1.1, §1.2, §3.6)."""

import pytest

from tests.contract.expected import error, flat, not_found, status
from tests.served import Served

CHAT = (
    '{"inference_id":"chat","task_type":"chat_completion","service":"openai",'
    '"service_settings":{"model_id":"sim","rate_limit":{"requests_per_minute":500}}}'
)
TEXT = (
    '{"inference_id":"text","task_type":"completion","service":"openai",'
    '"service_settings":{"model_id":"sim","rate_limit":{"requests_per_minute":500}}}'
)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/_inference", [CHAT, TEXT]),
        ("/_inference/", [CHAT, TEXT]),
        ("/_inference/_all", [CHAT, TEXT]),
        ("/_inference/*", [CHAT, TEXT]),
        ("/_inference/%2A", [CHAT, TEXT]),
        ("//_inference///_all//", [CHAT, TEXT]),
        ("/_inference/any/_all", [CHAT, TEXT]),
        ("/_inference/completion/_all", [TEXT]),
        ("/_inference/Completion/*", [TEXT]),
        ("/_inference/rerank/_all", []),
        ("/_inference/text", [TEXT]),
        ("/_inference/te%78t", [TEXT]),
        ("/_inference/any/chat", [CHAT]),
        ("/_inference/chat_completion/chat", [CHAT]),
    ],
)
async def test_endpoints_are_listed_by_id_and_chosen_by_task(inferd: Served, path: str, shown: list[str]) -> None:
    await inferd.put("text", "completion")
    await inferd.put("chat", "chat_completion")
    answer = await inferd.ask("GET", path)
    assert (answer.status, answer.text) == (200, '{"endpoints":[' + ",".join(shown) + "]}")


async def test_nothing_is_an_empty_list(inferd: Served) -> None:
    assert (await inferd.ask("GET", "/_inference/_all")).text == '{"endpoints":[]}'


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("/_inference/nothing", 404, not_found("nothing")),
        ("/_inference/completion/nothing", 404, not_found("nothing")),
        ("/_inference/text_embedding", 404, not_found("text_embedding")),
        ("/_inference/a%2Fb%20%C3%A9", 404, not_found("a/b é")),
        ("/_inference/%FF", 404, not_found("\N{REPLACEMENT CHARACTER}")),
        ("/_inference/%zz", 404, not_found("%zz")),
        ("/_inference/garbage/text", 400, status("Unknown task_type [garbage]")),
        (
            "/_inference/text_embedding/text",
            400,
            status(
                "Requested task type [text_embedding] does not match the inference endpoint's task type [completion]"
            ),
        ),
        (
            "/_inference/text?what=1",
            400,
            error("illegal_argument_exception", "request [/_inference/text] contains unrecognized parameter: [what]"),
        ),
        (
            "/_inference/nothing?timeout=1s&prety",
            400,
            error(
                "illegal_argument_exception",
                "request [/_inference/nothing] contains unrecognized parameters: [prety] -> did you mean [pretty]?, "
                "[timeout]",
            ),
        ),
        (
            "/_inference/text?pretty=maybe",
            400,
            error("illegal_argument_exception", "Failed to parse value [maybe] as only [true] or [false] are allowed."),
        ),
    ],
)
async def test_what_is_not_there_or_asked_in_a_wrong_way(
    inferd: Served, path: str, code: int, expected: bytes
) -> None:
    await inferd.put("text", "completion")
    answer = await inferd.ask("GET", path)
    assert (answer.status, answer.body) == (code, expected)


async def test_a_body_is_refused_and_a_lone_content_type_is_none(inferd: Served) -> None:
    with_body = await inferd.ask("GET", "/_inference", {})
    assert (with_body.status, with_body.body) == (
        400,
        error("illegal_argument_exception", "request [GET /_inference] does not support having a body"),
    )
    vendor = {"Content-Type": "application/vnd.elasticsearch+json; compatible-with=9"}
    without = await inferd.ask("GET", "/_inference", headers=vendor)
    assert (without.status, without.text) == (200, '{"endpoints":[]}')


async def test_a_wrong_method_is_told_the_right_ones(inferd: Served) -> None:
    answer = await inferd.ask("POST", "/_inference?pretty=false")
    text = "Incorrect HTTP method for uri [/_inference?pretty=false] and method [POST], allowed: [GET]"
    assert (answer.status, answer.body, answer.headers["Allow"]) == (405, flat(text, 405), "GET")
