"""``_cat/plugins`` and ``_nodes/plugins``: the services that are loaded."""

import pytest

from inferd import __version__
from tests.contract.expected import error
from tests.served import Served

TEXT = "text/plain; charset=UTF-8"
VENDOR = "application/vnd.elasticsearch+json; compatible-with=9"
ABOUT = "inference service OpenAI, from inferd"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", f"inferd openai {__version__}\n"),
        ("?format=text", f"inferd openai {__version__}\n"),
        ("?v", f"name   component version\ninferd openai    {__version__}\n"),
        ("?v=true&h=c,description&s=component,version", f"component description\nopenai    {ABOUT}\n"),
        ("?h=id", "inferd\n"),
        (
            "?help",
            "id          | unique node id\nname        | node name\ncomponent   | component\n"
            "version     | component version\ndescription | plugin details\n",
        ),
    ],
)
async def test_a_table_for_people(inferd: Served, query: str, text: str) -> None:
    answer = await inferd.ask("GET", f"/_cat/plugins{query}", headers={"Accept": "text/plain,application/json"})
    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, text, TEXT)


@pytest.mark.parametrize(
    ("query", "accept", "text"),
    [
        ("?format=json", "*/*", f'[{{"name":"inferd","component":"openai","version":"{__version__}"}}]'),
        ("", "application/json", f'[{{"name":"inferd","component":"openai","version":"{__version__}"}}]'),
        ("?h=component,d", VENDOR, f'[{{"component":"openai","description":"{ABOUT}"}}]'),
    ],
)
async def test_a_list_for_programs(inferd: Served, query: str, accept: str, text: str) -> None:
    answer = await inferd.ask("GET", f"/_cat/plugins{query}", headers={"Accept": accept})
    assert (answer.status, answer.text) == (200, text)


async def test_a_column_nobody_knows(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/_cat/plugins?h=name,foo")
    text = "there is no column [foo]; there are [id, name, component, version, description]"
    assert (answer.status, answer.body) == (400, error("illegal_argument_exception", text))


async def test_the_plugins_of_the_node(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/_nodes/plugins")
    assert (answer.status, answer.text) == (
        200,
        '{"_nodes":{"total":1,"successful":1,"failed":0},"cluster_name":"inferd","nodes":{"inferd":{"name":"inferd",'
        f'"plugins":[{{"name":"openai","version":"{__version__}","description":"{ABOUT}","task_types":'
        '["chat_completion","completion","embedding","text_embedding"]}],"modules":[]}}}',
    )
