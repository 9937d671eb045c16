"""Who gives up on the own client at any moment leaves nothing behind; on both loops, on real sockets."""

import asyncio

import pytest

from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.client import Request
from inferd.upstream.own_client import OwnClient
from tests import scripted_upstream as script

LONG = 20.0  # longer than anything takes
MOMENTS = 60  # turns of the loop; connecting takes less


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_giving_up_in_any_turn_of_the_loop_leaves_nothing_behind(scheme: str) -> None:
    async with script.scripted([script.stall]) as upstream:
        client = OwnClient(AddressPolicy(private=True), connect_timeout=LONG)
        request = Request(f"{scheme}://{upstream.address}/", (), b"{}")
        for moment in range(MOMENTS):
            task = asyncio.create_task(client.send(request))
            for _ in range(moment):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
        async with asyncio.timeout(LONG):
            await upstream.gone()
            while client.stats() != {"leased": 0, "available": 0, "pending": 0}:
                await asyncio.sleep(0)
            await client.close()
