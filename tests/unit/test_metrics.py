"""Counting and measuring without a server, as a scrape tells it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inferd import exposition, metrics
from inferd.metrics import Metrics, Snapshot
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Trace

NUMBERS = dict.fromkeys(
    (
        "open_requests", "open_streams", "endpoints", "loop_lag_seconds", "ready", "draining",
        "upstream_connections_leased", "upstream_connections_available", "upstream_connections_pending",
    ),
    0.0,
)  # fmt: skip
CHAT = TaskType.CHAT_COMPLETION


def _found(counted: Metrics, now: Snapshot = Snapshot("1", NUMBERS, (), ())) -> dict[str, float]:
    text = b"".join(exposition.text(counted.counted(), now)).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {f"{sample.name}{sorted(sample.labels.values())}": sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


@pytest.mark.parametrize(
    ("status", "told"), [(200, "2xx"), (201, "2xx"), (404, "4xx"), (429, "4xx"), (499, "left"), (503, "5xx")]
)
def test_statuses_are_told_by_their_class(status: int, told: str) -> None:
    counted = Metrics()
    counted.request("GET", "/", status, 0.1, "", Trace())
    assert _found(counted)[f"inferd_requests_total{sorted(['GET', '/', told, '', ''])}"] == 1


def test_a_time_falls_into_every_bucket_from_its_own_on() -> None:
    counted = Metrics()
    for seconds in (0.0005, 0.001, 0.3, 500.0):
        counted.request("GET", "/", 200, seconds, "", Trace())
    found = _found(counted)
    buckets = {bound: found[f"inferd_request_seconds_bucket{sorted(['/', bound])}"] for bound in exposition._BOUNDS}
    assert (buckets["0.001"], buckets["0.25"], buckets["0.5"], buckets["120.0"], buckets["+Inf"]) == (2, 2, 3, 3, 4)
    assert found["inferd_request_seconds_sum['/']"] == pytest.approx(500.3015)


def test_times_are_kept_until_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_NOTED", 4)
    counted = Metrics()
    kept = []
    for at in range(10):
        trace = Trace(task_type=CHAT, attempts=1, queued=at / 100, upstream_time=at / 10, first_chunk=at)
        counted.request("POST", "/", 200, at, "a", trace)
        kept.append(max(len(times.noted) for times in counted._times.values()))
    assert max(kept) == 4
    found = _found(counted)
    sums = {"queue_wait": 0.45, "upstream": 4.5, "first_chunk": 45.0}
    for name, total in sums.items():
        assert found[f"inferd_{name}_seconds_count['chat_completion']"] == 10
        assert found[f"inferd_{name}_seconds_sum['chat_completion']"] == pytest.approx(total)
    assert found["inferd_first_chunk_seconds_bucket['2.5', 'chat_completion']"] == 3
    assert (found["inferd_request_seconds_count['/']"], found["inferd_request_seconds_sum['/']"]) == (10, 45)


def test_retries_and_tokens_add_up_for_each_endpoint() -> None:
    counted = Metrics()
    for _ in range(3):
        trace = Trace(task_type=CHAT, attempts=2, retries=1, input_tokens=5, output_tokens=7)
        counted.request("POST", "/", 200, 0.1, "a", trace)
    counted.request("POST", "/", 429, 0.1, "a", Trace(task_type=CHAT))
    counted.request("POST", "/", 429, 0.1, "b", Trace(task_type=CHAT))
    found = _found(counted)
    assert found[f"inferd_requests_total{sorted(['POST', '/', '2xx', 'chat_completion', 'a'])}"] == 3
    assert (found["inferd_upstream_attempts_total['a']"], found["inferd_upstream_retries_total['a']"]) == (6, 3)
    assert (found["inferd_tokens_total['a', 'input']"], found["inferd_tokens_total['a', 'output']"]) == (15, 21)
    assert found["inferd_upstream_attempts_total['b']"] == 0
    # What never went upstream waited for nothing there; what streamed nothing had no first chunk.
    assert found["inferd_upstream_seconds_count['chat_completion']"] == 3
    assert "inferd_first_chunk_seconds_count['chat_completion']" not in found
    counted.request("POST", "/", 200, 0.1, "a", Trace(task_type=CHAT, attempts=1, first_chunk=0.2))
    assert _found(counted)["inferd_first_chunk_seconds_bucket['0.25', 'chat_completion']"] == 1


def test_only_endpoints_that_are_kept_remain() -> None:
    counted = Metrics()
    for name in ("a", "b"):
        counted.request("POST", "/", 200, 0.1, name, Trace(task_type=CHAT, attempts=1))
    counted.keep_only(["a", "c"])
    found = _found(counted)
    assert "inferd_upstream_attempts_total['a']" in found
    assert not [name for name in found if "'b'" in name]
    counted.keep_only(["a"])
    assert _found(counted).keys() == found.keys()


def test_a_crowd_of_endpoints_begins_again_instead_of_growing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_ENDPOINTS", 3)
    counted = Metrics()
    for number in range(10):
        counted.request("POST", "/", 200, 0.1, f"e{number}", Trace(task_type=CHAT, attempts=1))
    found = _found(counted)
    assert len([name for name in found if name.startswith("inferd_upstream_attempts_total")]) == 1
    assert len([name for name in found if name.startswith("inferd_requests_total")]) == 1
