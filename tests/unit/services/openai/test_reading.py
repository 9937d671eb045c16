"""Streams that are opened and let go of: well, after a failure, and before anything was there to be read."""

import asyncio

import pytest

from inferd.errors import Failure
from inferd.schema.endpoint import TaskType
from inferd.services import Tools
from inferd.services.openai.errands import Errands
from inferd.services.openai.reading import Reading
from inferd.services.openai.settings import OpenAITaskSettings
from inferd.upstream.client import Broken
from tests.unit.services.openai.endpoints import call
from tests.unit.services.openai.readers import Numbers
from tests.unit.services.openai.streams import drained
from tests.unit.services.openai.upstream import Reply, ScriptedClient, events


def reading(tools: Tools, upstream: ScriptedClient, *pieces: bytes | Broken | asyncio.Event) -> Reading[list[int], int]:
    upstream.replies = [Reply(*pieces)]
    errands = Errands(tools)
    begun = errands.begun(call(TaskType.CHAT_COMPLETION), OpenAITaskSettings())
    return Reading(tools.sender, errands.made(begun, b"{}"), Numbers)


async def test_it_is_read_to_its_end_and_let_go_of(tools: Tools, upstream: ScriptedClient) -> None:
    async with reading(tools, upstream, events(b"[1]"), events(b"[2]", b"[DONE]"), b"the end") as numbers:
        assert await drained(numbers) == [1, 2]
        assert not upstream.given[0].closed
    assert upstream.given[0].closed and await upstream.given[0].read() == b""


async def test_it_is_entered_with_the_first_items(tools: Tools, upstream: ScriptedClient) -> None:
    came = asyncio.Event()
    entering = asyncio.create_task(reading(tools, upstream, came, events(b"[1]"), asyncio.Event()).__aenter__())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not entering.done()
    came.set()
    assert await anext(await entering) == [1]


@pytest.mark.parametrize("piece", [events(b"nonsense"), Broken("the answer broke off"), b""])
async def test_a_failure_before_the_first_items_is_raised(
    tools: Tools, upstream: ScriptedClient, piece: bytes | Broken
) -> None:
    with pytest.raises(Failure):
        async with reading(tools, upstream, piece, b"the end"):
            pass
    assert upstream.given[0].closed and await upstream.given[0].read() == b"the end"


async def test_who_leaves_before_the_end_waits_for_nothing(tools: Tools, upstream: ScriptedClient) -> None:
    async with reading(tools, upstream, events(b"[1]"), b"the end") as numbers:
        assert await anext(numbers) == [1] and not numbers.ended
    assert upstream.given[0].closed and await upstream.given[0].read() == b"the end"


async def test_who_leaves_with_a_failure_waits_for_nothing(tools: Tools, upstream: ScriptedClient) -> None:
    with pytest.raises(LookupError):
        async with reading(tools, upstream, events(b"[1]"), b"the end"):
            raise LookupError
    assert upstream.given[0].closed and await upstream.given[0].read() == b"the end"
