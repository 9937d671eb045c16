"""The openai service on a scripted provider."""

from collections.abc import AsyncIterator, Iterator

import pytest

from inferd.aside import Aside
from inferd.config import Config
from inferd.cutting import Cutter
from inferd.ratelimit import RateLimits
from inferd.services import Tools
from inferd.services.openai import OpenAIService
from inferd.standing import Standings
from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.sender import Sender
from tests.unit.services.openai.upstream import ScriptedClient


@pytest.fixture
def upstream() -> ScriptedClient:
    return ScriptedClient()


@pytest.fixture
async def tools(upstream: ScriptedClient) -> AsyncIterator[Tools]:
    aside = Aside()
    cutter = Cutter(aside)
    yield Tools(
        sender=Sender(upstream, Standings(), stream_idle_timeout=300.0, max_response=50_000_000),
        limits=RateLimits(),
        policy=AddressPolicy(private=True),
        config=Config(),
        aside=aside,
        cutter=cutter,
    )
    cutter.close()
    aside.close()


@pytest.fixture
def service(tools: Tools) -> OpenAIService:
    return OpenAIService(tools)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Attempts follow each other at once."""
    monkeypatch.setattr("inferd.upstream.retry.FIRST_DELAY", 0.0)
    yield
