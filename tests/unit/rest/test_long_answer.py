"""Long answers: the same bytes as short ones, sent in steps."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest
from aiohttp import ClientSession

from inferd.aside import Aside
from inferd.config import Log as LogConfig
from inferd.log import Log
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.long_answer import QUICK, LongAnswer, listed
from inferd.rest.server import Server
from inferd.steps import LONG
from tests.taking import taking

LARGE = msgspec.Raw(b'{"a":"%b"}' % (b"x" * QUICK))


@pytest.fixture
async def aside() -> AsyncIterator[Aside]:
    aside = Aside()
    yield aside
    aside.close()


async def test_a_short_list_is_an_answer_like_any_other(aside: Aside) -> None:
    response = await listed(aside, "name", [msgspec.Raw(b"1"), msgspec.Raw(b"[2]")])
    assert not isinstance(response, LongAnswer)
    assert response.body == b'{"name":[1,[2]]}'


@pytest.mark.parametrize("items", [[LARGE, LARGE], [msgspec.Raw(b"1")] * 5000])
async def test_a_long_list_has_the_same_form(aside: Aside, items: list[msgspec.Raw]) -> None:
    response = await listed(aside, "name", items)
    assert isinstance(response, LongAnswer)
    assert response.body == msgspec.json.encode({"name": items})
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-elastic-product"] == "Elasticsearch"


@pytest.mark.parametrize("items", [[msgspec.Raw(b"[1]"), msgspec.Raw(b"[2]")], [LARGE, LARGE]])
async def test_items_may_be_a_member_of_objects(aside: Aside, items: list[msgspec.Raw]) -> None:
    response = await listed(aside, "name", items, "item")
    assert response.body == msgspec.json.encode({"name": [{"item": item} for item in items]})


def serving(response: Answer) -> AbstractAsyncContextManager[int]:
    async def handle(_: Http) -> Answer:
        return response

    return taking(Server(handle, Log(LogConfig()), keepalive_timeout=30))


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * LONG, b"ab" * 5_000_000])
async def test_it_arrives_whole(body: bytes) -> None:
    async with serving(LongAnswer(body=body)) as port, ClientSession() as client:
        async with client.get(f"http://127.0.0.1:{port}/") as answer:
            assert answer.headers["Content-Length"] == str(len(body))
            assert await answer.read() == body


async def test_it_leaves_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    plain = Http.write

    def noted(self: Http, data: bytes | memoryview) -> None:
        steps.append(len(data))
        plain(self, data)

    monkeypatch.setattr(Http, "write", noted)
    async with serving(LongAnswer(body=b"x" * (LONG * 3 + 1))) as port, ClientSession() as client:
        async with client.get(f"http://127.0.0.1:{port}/") as answer:
            assert len(await answer.read()) == LONG * 3 + 1
    assert steps[1:] == [LONG, LONG, LONG, 1]
