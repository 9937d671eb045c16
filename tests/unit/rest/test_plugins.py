"""``_cat/plugins`` and ``_nodes/plugins``."""

import pytest

from tests.served import Served


@pytest.mark.parametrize(
    ("query", "lines"),
    [("", ["inferd openai"]), ("?v&h=n,c", ["name   component", "inferd openai"]), ("?h=,id", ["inferd"]),
     ("?help&h=nonsense", ["id          | unique node id"]), ("?s=version,name&format=TEXT", ["inferd openai"])],
)  # fmt: skip
async def test_a_table(inferd: Served, query: str, lines: list[str]) -> None:
    told = (await inferd.ask("GET", f"/_cat/plugins{query}")).text.splitlines()
    assert [line[: len(start)] for line, start in zip(told, lines, strict=False)] == lines


async def test_a_list_of_columns_that_are_there(inferd: Served) -> None:
    for query, accept in (("?format=JSON&h=component", "*/*"), ("?h=component", "application/json")):
        answer = await inferd.ask("GET", f"/_cat/plugins{query}", headers={"Accept": accept})
        assert answer.json == [{"component": "openai"}]
    assert (await inferd.ask("GET", "/_cat/plugins?h=x")).status == 400


async def test_the_node_s(inferd: Served) -> None:
    told = (await inferd.ask("GET", "/_nodes/plugins")).json
    assert [plugin["name"] for plugin in told["nodes"]["inferd"]["plugins"]] == ["openai"]
