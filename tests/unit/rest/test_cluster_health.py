"""Health in Elasticsearch's forms."""

import pytest

from tests.served import Served


@pytest.mark.parametrize(
    ("draining", "query", "code", "colour", "late"),
    [
        (False, "", 200, "green", False),
        (False, "?wait_for_status=GREEN&timeout=1s", 200, "green", False),
        (True, "", 503, "red", False),
        (True, "?wait_for_status=red", 503, "red", False),
        (True, "?wait_for_status=yellow", 408, "red", True),
    ],
)
async def test_the_status_and_what_was_waited_for(
    inferd: Served, draining: bool, query: str, code: int, colour: str, late: bool
) -> None:
    inferd.parts.draining = draining
    answer = await inferd.ask("GET", f"/_cluster/health{query}")
    assert (answer.status, answer.json["status"], answer.json["timed_out"]) == (code, colour, late)
    report = await inferd.ask("GET", "/_health_report")
    assert (report.status, report.json["status"]) == (503 if draining else 200, colour)


@pytest.mark.parametrize("query", ["wait_for_status=x", "timeout=x", "master_timeout=x"])
async def test_what_cannot_be_waited_for(inferd: Served, query: str) -> None:
    assert (await inferd.ask("GET", f"/_cluster/health?{query}")).status == 400


async def test_failing_upstreams_are_counted(inferd: Served) -> None:
    inferd.skip_trials()
    await inferd.put("bad", "completion", "sim-401")
    await inferd.put("idle", "completion")
    fine = (await inferd.ask("GET", "/_health_report")).json["indicators"]["upstreams"]
    assert (fine["status"], fine["details"]) == ("green", {"endpoints": 2, "failing": []})
    await inferd.ask("POST", "/_inference/bad", {"input": "a"})
    told = (await inferd.ask("GET", "/_health_report")).json["indicators"]["upstreams"]
    assert (told["status"], told["details"]) == ("yellow", {"endpoints": 2, "failing": ["bad"]})
