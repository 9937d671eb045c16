"""Readers of event streams on scripted reads, and what came of reading one to its end."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from inferd.errors import Failure
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Call
from inferd.services.openai.errands import Errands
from inferd.services.openai.events import EventReader
from inferd.services.openai.settings import OpenAITaskSettings
from inferd.services import Tools
from inferd.upstream.client import Trouble
from tests.unit.services.openai.endpoints import call
from tests.unit.services.openai.upstream import Reply, ScriptedClient


class Read(NamedTuple):
    """The batches that were given, the failure that ended it (None: it ended well), and the call it was for."""

    batches: list[Sequence[Any]]
    failure: Failure | None
    call: Call

    @property
    def items(self) -> list[Any]:
        """All items in order."""
        return [item for batch in self.batches for item in batch]


async def read(
    tools: Tools, reader: Callable[[Call, Any], EventReader[Any, Any]], *pieces: bytes | Trouble, start: bool = True
) -> Read:
    """Reads a stream that comes in ``pieces`` to its end."""
    client = tools.sender.client
    assert isinstance(client, ScriptedClient)
    client.replies = [Reply(*pieces)]
    errands = Errands(tools)
    errand = await errands.made(errands.begun(call(TaskType.CHAT_COMPLETION), OpenAITaskSettings()), b"{}")
    batches: list[Sequence[Any]] = []
    async with tools.sender.stream(errand) as stream:
        items = reader(errand.call, stream)
        try:
            if start:
                await items.start()
            async for batch in items:
                batches.append(batch)
        except Failure as failure:
            return Read(batches, failure, errand.call)
    return Read(batches, None, errand.call)


async def drained(items: AsyncIterator[Sequence[Any]]) -> list[Any]:
    """Everything ``items`` gives, in one list."""
    return [item async for batch in items for item in batch]
