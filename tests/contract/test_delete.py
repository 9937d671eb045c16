"""``delete``: taking an endpoint away (elasticsearch-rest §3.8)."""

import pytest

from tests.contract.expected import error, not_found, status
from tests.served import Served

DELETED = b'{"acknowledged":true,"pipelines":[],"indexes":[]}'


@pytest.mark.parametrize(
    "path", ["e", "completion/e", "any/e", "COMPLETION/e/", "e?force=true", "e?force", "e?dry_run=false"]
)
async def test_a_deleted_endpoint_is_gone_and_its_id_free(inferd: Served, path: str) -> None:
    await inferd.put("e", "completion")
    answer = await inferd.ask("DELETE", f"/_inference/{path}")
    assert (answer.status, answer.body) == (200, DELETED)
    assert (await inferd.ask("GET", "/_inference/e")).status == 404
    assert (await inferd.ask("DELETE", f"/_inference/{path}")).body == not_found("e")
    await inferd.put("e", "text_embedding")


@pytest.mark.parametrize("query", ["dry_run=true", "dry_run", "dry_run=true&force=true"])
async def test_a_dry_run_deletes_nothing(inferd: Served, query: str) -> None:
    await inferd.put("e", "completion")
    answer = await inferd.ask("DELETE", f"/_inference/e?{query}")
    assert answer.status == 200
    assert answer.body == b'{"acknowledged":false,"pipelines":[],"indexes":[],"error_message":""}'
    assert (await inferd.ask("GET", "/_inference/e")).status == 200


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("nothing", 404, not_found("nothing")),
        ("nothing?dry_run=true", 404, not_found("nothing")),
        ("nothing?force=true", 404, not_found("nothing")),
        ("_all", 404, not_found("_all")),
        ("*", 404, not_found("*")),
        (
            "text_embedding/e",
            400,
            status(
                "Requested task type [text_embedding] does not match the inference endpoint's task type [completion]"
            ),
        ),
        ("garbage/e", 400, status("Unknown task_type [garbage]")),
        (
            "e?force=maybe",
            400,
            error("illegal_argument_exception", "Failed to parse value [maybe] as only [true] or [false] are allowed."),
        ),
        (
            "e?dryrun=true",
            400,
            error(
                "illegal_argument_exception",
                "request [/_inference/e] contains unrecognized parameter: [dryrun] -> did you mean [dry_run]?",
            ),
        ),
    ],
)
async def test_what_cannot_be_deleted_stays(inferd: Served, path: str, code: int, expected: bytes) -> None:
    await inferd.put("e", "completion")
    answer = await inferd.ask("DELETE", f"/_inference/{path}")
    assert (answer.status, answer.body) == (code, expected)
    assert (await inferd.ask("GET", "/_inference/e")).status == 200
