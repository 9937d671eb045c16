"""``GET _inference``."""

import pytest

from tests.served import Served


@pytest.mark.parametrize(
    ("path", "ids"),
    [("", ["a", "b"]), ("/_all", ["a", "b"]), ("/*", ["a", "b"]), ("/completion/*", ["b"]), ("/b", ["b"]),
     ("/completion/b", ["b"]), ("/rerank/_all", [])],
)  # fmt: skip
async def test_one_all_or_those_of_a_task(inferd: Served, path: str, ids: list[str]) -> None:
    await inferd.put("b", "completion")
    await inferd.put("a", "chat_completion")
    told = (await inferd.ask("GET", f"/_inference{path}")).json
    assert [endpoint["inference_id"] for endpoint in told["endpoints"]] == ids


async def test_neither_a_missing_one_nor_one_of_another_task(inferd: Served) -> None:
    await inferd.put("b", "completion")
    assert (await inferd.ask("GET", "/_inference/c")).status == 404
    assert (await inferd.ask("GET", "/_inference/rerank/b")).status == 400
