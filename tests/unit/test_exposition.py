"""The text that a scrape gets: all counts and gauges, in pieces, each of them once."""

import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inferd import exposition
from inferd.metrics import BUCKETS, Counted, Snapshot

NUMBERS = dict.fromkeys(
    (
        "open_requests", "open_streams", "endpoints", "loop_lag_seconds", "ready", "draining",
        "upstream_connections_leased", "upstream_connections_available", "upstream_connections_pending",
    ),
    0.0,
)  # fmt: skip
NOTHING = Counted((), (), ())


def _found(counted: Counted = NOTHING, now: Snapshot = Snapshot("1", NUMBERS, (), ())) -> dict[str, float]:
    text = b"".join(exposition.text(counted, now)).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {f"{sample.name}{sorted(sample.labels.values())}": sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def test_what_was_counted_is_told() -> None:
    times = [0] * (len(BUCKETS) + 1)
    times[0], times[-1] = 2, 1
    found = _found(Counted([(("GET", "/", "2xx", "", ""), 3)], [("a", 1, 2, 3, 4)], [(("request", "/"), times, 5.5)]))
    assert found[f"inferd_requests_total{sorted(['GET', '/', '2xx', '', ''])}"] == 3
    assert (found["inferd_upstream_attempts_total['a']"], found["inferd_upstream_retries_total['a']"]) == (1, 2)
    assert (found["inferd_tokens_total['a', 'input']"], found["inferd_tokens_total['a', 'output']"]) == (3, 4)
    buckets = {bound: found[f"inferd_request_seconds_bucket{sorted(['/', bound])}"] for bound in exposition._BOUNDS}
    assert set(buckets.values()) == {2, 3} and buckets["+Inf"] == 3
    assert found["inferd_request_seconds_sum['/']"] == 5.5


def test_the_snapshot_becomes_gauges_in_many_pieces() -> None:
    names = [f"e{number}" for number in range(200)]
    now = Snapshot("1.2.3", {**NUMBERS, "open_streams": 7.0}, [(name, 2) for name in names], [("e0", False)])
    found = _found(now=now)
    assert found["inferd_build_info['1.2.3']"] == 1 and found["inferd_open_streams[]"] == 7
    assert all(found[f"inferd_queue_depth['{name}']"] == 2 for name in names)
    assert found["inferd_upstream_up['e0']"] == 0
    assert sum(1 for _ in exposition.text(NOTHING, now)) > 200 / 64


def test_the_process_is_measured_where_all_of_proc_but_processes_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "self").symlink_to("/proc/self")
    monkeypatch.setattr(exposition, "_PROC", str(tmp_path))
    found = _found()
    assert found["process_resident_memory_bytes[]"] > 1e6 and found["process_max_fds[]"] > found["process_open_fds[]"]
    assert time.time() - 86_400 < found["process_start_time_seconds[]"] <= time.time() + 1
