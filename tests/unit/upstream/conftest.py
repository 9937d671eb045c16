"""Every asynchronous test of this folder runs on both loops that inferd may run on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.unit.upstream import sending
from tests.unit.upstream.wire import Wire, wired


@pytest.fixture(params=sending.KINDS)
def client_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The client that the test's ``client`` is, as ``[upstream] client`` names it."""
    monkeypatch.setattr(sending, "kind", [request.param])
    return str(request.param)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A connection and its upstream end."""
    async with wired() as made:
        yield made


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
