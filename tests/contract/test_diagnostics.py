"""``.diagnostics``: connections, queues and counters (elasticsearch-rest §7)."""

from tests.served import Served

NONE = '{"leased_connections":0,"pending_connections":0,"available_connections":0,"max_connections":0}'


async def test_what_is_told_of_connections_and_queues(inferd: Served) -> None:
    empty = await inferd.ask("GET", "/_inference/.diagnostics")
    assert (empty.status, empty.text) == (
        200,
        '{"inferd":{"external":{"connection_pool_stats":' + NONE + '},"eis_mtls":{"connection_pool_stats":' + NONE
        + '},"inference_endpoint_registry":{"cache_count":0,"cache_hits":0,"cache_misses":0,"cache_evictions":0},'
        '"inferd":{"open_requests":1,"open_streams":0,"queues":{}}}}',
    )  # fmt: skip
    await inferd.put("c", "completion", rate_limit={"requests_per_minute": 60})
    used = (await inferd.ask("GET", "/_inference/.diagnostics")).json["inferd"]
    assert used["inference_endpoint_registry"]["cache_count"] == 1
    assert used["inferd"]["queues"] == {"c": {"requests_per_minute": 60, "waiting": 0, "given": 1}}
    assert used["external"]["connection_pool_stats"]["available_connections"] == 1
