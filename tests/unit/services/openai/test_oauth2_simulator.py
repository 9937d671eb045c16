"""Tokens over real sockets: the simulator's token endpoint, its refusals, and the tokens it revokes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from inferd.aside import Aside
from inferd.config import Config, OpenAI
from inferd.cutting import Cutter
from inferd.errors import UpstreamRefusal
from inferd.ratelimit import RateLimits
from inferd.schema.endpoint import Secrets, TaskType
from inferd.schema.inference import Completions, InferenceRequest
from inferd.services import Tools
from inferd.services.openai import OpenAIService
from inferd.simulator import Simulator
from inferd.standing import Standings
from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.aiohttp_client import AiohttpClient
from inferd.upstream.client import Request, Response
from inferd.upstream.sender import Sender
from tests.unit.services.openai.endpoints import call


class Counting(AiohttpClient):
    """A client that counts what it sends to the token endpoint."""

    fetches = 0

    async def send(self, request: Request, until: float | None = None) -> Response:
        """See Client."""
        self.fetches += request.url.endswith("/oauth/token")
        return await super().send(request, until)


class Bench:
    """The openai service in front of a simulator."""

    def __init__(self, client: Counting, service: OpenAIService, token_url: str) -> None:
        self.client = client
        self.service = service
        self._token_url = token_url

    async def ask(self, *scopes: str, secret: str = "s3cret &:") -> Any:
        """One completion; the scopes decide what the token endpoint does."""
        oauth2: dict[str, Any] = {"client_id": "me too", "scopes": scopes, "token_url": self._token_url}
        made = call(TaskType.COMPLETION, secrets=Secrets({"client_secret": secret}), **oauth2)
        return await self.service.infer(made, InferenceRequest(input=["hi"]))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    policy = AddressPolicy(private=True)
    async with Simulator() as simulator:
        client = Counting(policy, connect_timeout=5)
        aside = Aside()
        cutter = Cutter(aside)
        tools = Tools(
            sender=Sender(client, Standings(), stream_idle_timeout=5, max_response=1 << 20),
            limits=RateLimits(),
            policy=policy,
            config=msgspec.structs.replace(Config(), openai=OpenAI(base_url=simulator.base_url)),
            aside=aside,
            cutter=cutter,
        )
        yield Bench(client, OpenAIService(tools), simulator.base_url.removesuffix("/v1") + "/oauth/token")
        cutter.close()
        aside.close()
        await client.close()


async def test_a_hundred_first_users_fetch_one_token(bench: Bench) -> None:
    results = await asyncio.gather(*(bench.ask("a") for _ in range(100)))
    assert all(isinstance(result, Completions) for result in results)
    assert bench.client.fetches == 1


async def test_a_revoked_token_fails_once_and_is_renewed(bench: Bench) -> None:
    await bench.ask("sim-revoked")
    with pytest.raises(UpstreamRefusal) as refused:
        await bench.ask("sim-revoked")
    assert (refused.value.status, bench.client.fetches) == (401, 1)
    assert "sim-token" not in refused.value.reason
    await bench.ask("sim-revoked")
    assert bench.client.fetches == 2


async def test_wrong_credentials_are_told(bench: Bench) -> None:
    with pytest.raises(UpstreamRefusal) as refused:
        await bench.ask("a", secret="sim-wrong")
    assert refused.value.reason.startswith(
        "Failed to retrieve access token for request for inference id [e]: [invalid_client] "
    )
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("scope", "status"), [("sim-500", 502), ("sim-503", 503), ("sim-429", 429), ("sim-garbage", 502)]
)
async def test_a_token_endpoint_with_a_fault(bench: Bench, scope: str, status: int) -> None:
    with pytest.raises(UpstreamRefusal, match="^Failed to retrieve access token") as refused:
        await bench.ask(scope)
    assert refused.value.status == status
