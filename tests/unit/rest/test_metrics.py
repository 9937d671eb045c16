"""The handler of ``/metrics``: a snapshot of the parts, and the text in one answer."""

from inferd.errors import StatusFailure
from tests.served import Served


async def test_the_text_tells_of_the_parts_as_they_are(inferd: Served) -> None:
    await inferd.put("well", "completion")
    await inferd.put("ill", "completion")
    await inferd.put("unused", "completion")
    inferd.parts.standings.ill("ill", StatusFailure("no", 502))
    inferd.parts.standings.forget("unused")
    inferd.parts.limits.of("well", 500)
    answer = await inferd.ask("GET", "/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'inferd_upstream_up{endpoint="well"} 1.0' in lines and 'inferd_upstream_up{endpoint="ill"} 0.0' in lines
    assert 'inferd_upstream_up{endpoint="unused"}' not in answer.text
    assert 'inferd_queue_depth{endpoint="well"} 0.0' in lines
    assert "inferd_endpoints 3.0" in lines and "inferd_draining 0.0" in lines
    assert "inferd_ready 1.0" in lines
    inferd.parts.draining = True
    lines = (await inferd.ask("GET", "/metrics")).text.splitlines()
    assert "inferd_ready 0.0" in lines and "inferd_draining 1.0" in lines


async def test_counters_of_deleted_endpoints_are_dropped(inferd: Served) -> None:
    await inferd.put("gone", "completion")
    assert (await inferd.ask("POST", "/_inference/gone", {"input": "a"})).status == 200
    assert '"gone"' in (await inferd.ask("GET", "/metrics")).text
    await inferd.parts.store.delete("gone")
    inferd.parts.limits.delete("gone")
    assert '"gone"' not in (await inferd.ask("GET", "/metrics")).text
