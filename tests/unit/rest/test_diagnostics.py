"""``GET _inference/.diagnostics``."""

from tests.served import Served


async def test_pools_endpoints_and_queues(inferd: Served) -> None:
    await inferd.put("c", "completion")
    (told,) = (await inferd.ask("GET", "/_inference/.diagnostics")).json.values()
    assert list(told) == ["external", "eis_mtls", "inference_endpoint_registry", "inferd"]
    assert set(told["eis_mtls"]["connection_pool_stats"].values()) == {0}
    assert told["external"]["connection_pool_stats"]["leased_connections"] == 0
    assert told["inferd"]["queues"] == {"c": {"requests_per_minute": 500, "waiting": 0, "given": 1}}
    assert (told["inferd"]["open_requests"], told["inferd"]["open_streams"]) == (1, 0)
