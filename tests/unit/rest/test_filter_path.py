"""``filter_path``: parts of an answer."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.rest.filter_path import MAX_PATHS, filtered

DOCUMENT = (
    b'{"endpoints":[{"inference_id":"a","task_type":"completion","service_settings":{"model_id":"m","rate_limit":'
    b'{"requests_per_minute":500}}},{"inference_id":"b","service_settings":{"dimensions":1.50}}],"empty":{},"none":[],'
    b'"a.b":{"c":1},"n":[1,2.0,[3]]}'
)


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        ("endpoints.inference_id", '{"endpoints":[{"inference_id":"a"},{"inference_id":"b"}]}'),
        ("endpoints.*_id", '{"endpoints":[{"inference_id":"a"},{"inference_id":"b"}]}'),
        ("endpoints.*.dimensions", '{"endpoints":[{"service_settings":{"dimensions":1.50}}]}'),
        ("**.requests_per_minute",
         '{"endpoints":[{"service_settings":{"rate_limit":{"requests_per_minute":500}}}]}'),
        ("endpoints.**.dimensions", '{"endpoints":[{"service_settings":{"dimensions":1.50}}]}'),
        ("**.**.dimensions", '{"endpoints":[{"service_settings":{"dimensions":1.50}}]}'),
        ("n", '{"n":[1,2.0,[3]]}'),
        ("n.x", "{}"),
        ("e*d*s.inf*ce*id", '{"endpoints":[{"inference_id":"a"},{"inference_id":"b"}]}'),
        ("e*p*d*s", "{}"),
        ("endpoint*ts", "{}"),
        ("a\\.b", '{"a.b":{"c":1}}'),
        ("a.b", "{}"),
        ("empty,none", '{"empty":{},"none":[]}'),
        ("empty.x,none.x", "{}"),
        ("nothing", "{}"),
        (" n , nothing ", '{"n":[1,2.0,[3]]}'),
        ("a\\.b.**", '{"a.b":{"c":1}}'),
        ("-endpoints,-n", '{"empty":{},"none":[],"a.b":{"c":1}}'),
        ("-endpoints,-n,-none,-a*,-e*", "{}"),
        ("-**.c,-endpoints,-n", '{"empty":{},"none":[]}'),
        ("endpoints.inference_id,-endpoints.service_settings",
         '{"endpoints":[{"inference_id":"a"},{"inference_id":"b"}]}'),
        ("endpoints,-endpoints.*_settings,-**.task_type",
         '{"endpoints":[{"inference_id":"a"},{"inference_id":"b"}]}'),
        ("endpoints.inference_id,-endpoints.inference_id", "{}"),
        (",", DOCUMENT.decode()),
    ],
)  # fmt: skip
def test_what_is_left(paths: str, left: str) -> None:
    assert filtered(DOCUMENT, paths).decode() == left


@pytest.mark.parametrize(
    ("raw", "paths", "left"),
    [
        (b'[{"a":1},{"b":2}]', "a", b'[{"a":1}]'),
        (b'[{"a":1},{"b":2}]', "c", b"[]"),
        (b'[{"a":1}]', "-a", b"[]"),
        (b'[[{"a":1}],3]', "-b", b'[[{"a":1}],3]'),
        (b"[]", "-b", b"[]"),
        (b"3", "a", b"{}"),
    ],
)
def test_arrays_are_no_steps(raw: bytes, paths: str, left: bytes) -> None:
    assert filtered(raw, paths) == left


def test_more_paths_than_anyone_writes_are_not_looked_at() -> None:
    paths = ",".join(f"x{number}" for number in range(MAX_PATHS)) + ",n"
    assert filtered(DOCUMENT, paths) == b"{}"


def test_a_path_made_to_explode_does_not() -> None:
    deep = b'{"a":' * 60 + b"1" + b"}" * 60
    began = time.process_time()
    assert filtered(deep, ".".join(["**.a"] * 30) + ".b") == b"{}"
    assert filtered(b'{"' + b"a" * 2000 + b'":1}', "*a" * 25 + "b") == b"{}"
    assert time.process_time() - began < 10


NAMES = st.sampled_from(["a", "b", "cc"])
JSON = st.recursive(
    st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)


@given(JSON, st.lists(st.sampled_from(["a", "b", "cc", "*", "**", "c*"]), max_size=4).map(".".join))
def test_what_is_taken_and_what_is_left_out_make_up_the_whole(document: object, path: str) -> None:
    raw = msgspec.json.encode({"a": document, "b": {"cc": 1}})
    taken, left = filtered(raw, path), filtered(raw, f"-{path}")
    if path:
        assert len(taken) <= len(raw) and len(left) <= len(raw)
        # What is taken cannot be taken again, and of what was left out nothing is found.
        assert filtered(taken, path) == taken
        assert filtered(left, path) in (b"{}", b"[]")
