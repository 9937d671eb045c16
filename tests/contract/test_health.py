"""The health routes, inferd's own and Elasticsearch's two forms."""

import os
from pathlib import Path

from inferd import __version__
from tests.contract.expected import error
from tests.served import Served

SHARDS = (
    '"number_of_nodes":1,"number_of_data_nodes":1,"active_primary_shards":0,"active_shards":0,"relocating_shards":0,'
    '"initializing_shards":0,"unassigned_shards":0,"unassigned_primary_shards":0,"delayed_unassigned_shards":0,'
    '"number_of_pending_tasks":0,"number_of_in_flight_fetch":0,"task_max_waiting_in_queue_millis":0,'
    '"active_shards_percent_as_number":100.0}'
)


async def test_a_healthy_inferd(inferd: Served) -> None:
    await inferd.put("c", "completion")
    for path in ("/livez", "/readyz"):
        answer = await inferd.ask("GET", path)
        assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, "ok", "text/plain; charset=UTF-8")
    health = (await inferd.ask("GET", "/_health")).json
    assert health["status"] == "ok" and health["reason"] is None and health["version"] == __version__
    assert health["endpoints"] == 1 and health["upstreams"]["c"]["state"] == "ok"
    cluster = await inferd.ask("GET", "/_cluster/health?wait_for_status=green&timeout=50s&master_timeout=1s")
    assert (cluster.status, cluster.text) == (
        200,
        '{"cluster_name":"inferd","status":"green","timed_out":false,' + SHARDS,
    )
    report = await inferd.ask("GET", "/_health_report")
    assert (report.status, report.text) == (
        200,
        '{"status":"green","cluster_name":"inferd","indicators":{"inferd":{"status":"green","symptom":'
        '"inferd takes requests, and its store can be written.","details":{"reason":null}},"upstreams":'
        '{"status":"green","symptom":"None is failing.","details":{"endpoints":1,"failing":[]}}}}',
    )


async def test_a_draining_inferd_gets_no_work(inferd: Served) -> None:
    inferd.parts.draining = True
    ready = await inferd.ask("GET", "/readyz")
    assert (ready.status, ready.text) == (503, "draining")
    assert (await inferd.ask("GET", "/livez")).status == 200
    health = await inferd.ask("GET", "/_health")
    assert (health.status, health.json["status"], health.json["reason"]) == (503, "unavailable", "draining")
    assert health.headers["Connection"] == "close"
    for query, code, late in (
        ("", 503, "false"),
        ("?wait_for_status=red", 503, "false"),
        ("?wait_for_status=GREEN", 408, "true"),
        ("?wait_for_status=yellow", 408, "true"),
    ):
        cluster = await inferd.ask("GET", f"/_cluster/health{query}")
        told = f'{{"cluster_name":"inferd","status":"red","timed_out":{late},' + SHARDS
        assert (cluster.status, cluster.text) == (code, told)
    report = await inferd.ask("GET", "/_health_report")
    assert (report.status, report.json["indicators"]["inferd"]) == (
        503,
        {
            "status": "red",
            "symptom": "inferd is stopping and takes no new work.",
            "details": {"reason": "draining"},
        },
    )


async def test_a_store_that_cannot_be_written(inferd: Served, tmp_path: Path) -> None:
    for path in (tmp_path / "state").iterdir():
        if path.suffix in (".db", ".sqlite", ".sqlite3"):
            os.unlink(path)
    inferd.parts.store._written = float("-inf")
    ready = await inferd.ask("GET", "/readyz")
    assert (ready.status, ready.text) == (503, "store")
    assert (await inferd.ask("GET", "/livez")).text == "ok"
    report = await inferd.ask("GET", "/_health_report")
    assert report.json["indicators"]["inferd"]["details"] == {"reason": "store"}


async def test_upstreams_that_fail_are_told_and_make_nobody_ill(inferd: Served) -> None:
    inferd.skip_trials()
    await inferd.put("bad", "completion", "sim-401")
    await inferd.put("unused", "completion")
    await inferd.ask("POST", "/_inference/bad", {"input": "a"})
    health = await inferd.ask("GET", "/_health")
    assert (health.status, list(health.json["upstreams"])) == (200, ["bad"])
    assert health.json["upstreams"]["bad"]["state"] == "failing"
    assert health.json["upstreams"]["bad"]["status"] == 401
    report = (await inferd.ask("GET", "/_health_report")).json
    assert report["status"] == "green"
    assert report["indicators"]["upstreams"] == {
        "status": "yellow",
        "symptom": "1 of 2 endpoints failed at their last call.",
        "details": {"endpoints": 2, "failing": ["bad"]},
    }


async def test_what_cannot_be_waited_for(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/_cluster/health?wait_for_status=blue")
    assert answer.body == error("illegal_argument_exception", "unknown cluster health status [blue]")
    assert (await inferd.ask("GET", "/_cluster/health?timeout=x")).status == 400
