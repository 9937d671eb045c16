"""``GET /metrics`` as Prometheus reads it."""

import asyncio
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.served import Served

CHAT = {"messages": [{"role": "user", "content": "hello"}]}


async def _scraped(inferd: Served) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await inferd.ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples
            samples[key] = sample.value
    return samples


def _labels(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


async def test_a_chat_is_counted_and_measured(inferd: Served) -> None:
    await inferd.put("c", "chat_completion")
    for _ in range(2):
        assert (await inferd.ask("POST", "/_inference/chat_completion/c/_unified", CHAT)).status == 200
    found = await _scraped(inferd)
    path = "/_inference/{task_type}/{id}/_unified"
    labels = _labels(method="POST", route=path, status="2xx", task="chat_completion", endpoint="c")
    assert found["inferd_requests_total", labels] == 2
    assert found["inferd_upstream_attempts_total", _labels(endpoint="c")] == 2
    assert found["inferd_upstream_retries_total", _labels(endpoint="c")] == 0
    assert found["inferd_tokens_total", _labels(endpoint="c", direction="output")] > 0
    for name in ("queue_wait", "upstream", "first_chunk"):
        assert found[f"inferd_{name}_seconds_count", _labels(task="chat_completion")] == 2
    assert found["inferd_request_seconds_count", _labels(route=path)] == 2
    assert found["inferd_queue_depth", _labels(endpoint="c")] == 0
    assert found["inferd_upstream_up", _labels(endpoint="c")] == 1
    assert found["inferd_endpoints", _labels()] == 1
    assert found["inferd_open_requests", _labels()] == 1
    assert ("process_open_fds", _labels()) in found


async def test_what_was_not_found_becomes_no_label(inferd: Served) -> None:
    for number in range(5):
        assert (await inferd.ask("POST", f"/_inference/unknown-{number}", {"input": "a"})).status == 404
        assert (await inferd.ask("GET", f"/nowhere/unknown-{number}")).status == 400
    text = (await inferd.ask("GET", "/metrics")).text
    assert "unknown" not in text and "nowhere" not in text
    labels = _labels(method="POST", route="/_inference/{id}", status="4xx", task="", endpoint="")
    assert (await _scraped(inferd))["inferd_requests_total", labels] == 5


async def test_a_deleted_endpoint_is_no_label_any_more(inferd: Served) -> None:
    await inferd.put("gone", "completion")
    assert (await inferd.ask("POST", "/_inference/gone", {"input": "a"})).status == 200
    assert 'endpoint="gone"' in (await inferd.ask("GET", "/metrics")).text
    assert (await inferd.ask("DELETE", "/_inference/gone")).status == 200
    assert "gone" not in (await inferd.ask("GET", "/metrics")).text


async def test_scrapes_at_once_are_each_whole(inferd: Served) -> None:
    await inferd.put("c", "completion")
    texts = await asyncio.gather(*(inferd.ask("GET", "/metrics") for _ in range(5)))
    assert all(text.text.count("# TYPE inferd_requests_total counter") == 1 for text in texts)
    assert all(text.text.endswith("\n") and "inferd_upstream_up" in text.text for text in texts)


async def test_the_dashboard_and_the_alerts_ask_for_what_is_there(inferd: Served) -> None:
    await inferd.put("c", "chat_completion")
    assert (await inferd.ask("POST", "/_inference/chat_completion/c/_unified", CHAT)).status == 200
    there = {name for name, _ in await _scraped(inferd)}
    asked = set()
    for file in ("contrib/grafana/inferd.json", "contrib/prometheus/alerts.yml"):
        asked |= set(re.findall(r"\b(?:inferd|process)_[a-z_]+", Path(file).read_text()))
    assert len(asked) > 10 and sorted(asked - there) == []
    # And nothing of inferd's own is measured that nobody would ever look at.
    parts = {f"{name.removesuffix('_bucket')}_{part}" for name in asked for part in ("sum", "count")}
    assert sorted(name for name in there - asked - parts if name.startswith("inferd_")) == []


def test_every_alert_is_explained() -> None:
    alerts = re.findall(r"- alert: (\w+)", Path("contrib/prometheus/alerts.yml").read_text())
    explained = re.findall(r"^\| (Inferd\w+) \|", Path("docs/operations.md").read_text(), re.MULTILINE)
    assert alerts == explained and len(alerts) > 5
