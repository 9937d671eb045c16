"""Chunking settings: every vector, and the contract's defaults and bounds."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from inferd.chunking.settings import DEFAULT, MARKDOWN, PLAINTEXT, parse, read_limit_exceeded
from inferd.errors import Failure, IllegalArgument, ValidationFailed
from inferd.schema.chunking import ChunkingSettings, NoneSettings, RecursiveSettings, SentenceSettings, WordSettings
from tests.unit.chunking.vectors import vectors

_TYPE = "field [{}] is not of the expected type. The value [{}] cannot be converted to a [{}];"


@vectors("settings")
def test_vector(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    try:
        stored = msgspec.json.decode(msgspec.json.encode(parse(vector["settings"])))
    except Failure as failure:
        error = expected["error"]
        assert (failure.status, failure.type, failure.reason) == (error["status"], error["type"], error["reason"])
    else:
        assert list(stored.items()) == list(expected["stored"].items())


@pytest.mark.parametrize("value", [None, {}, {"strategy": None}, {"max_chunk_size": None, "sentence_overlap": None}])
def test_nothing_asked_for_is_the_default(value: object) -> None:
    assert parse(value) == SentenceSettings(250, 1) == DEFAULT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"max_chunk_size": 30}, SentenceSettings(30, 1)),
        ({"strategy": "word"}, WordSettings(250, 100)),
        ({"strategy": "word", "max_chunk_size": 11}, WordSettings(11, 5)),
        ({"strategy": "word", "max_chunk_size": 300, "overlap": 150}, WordSettings(300, 150)),
        ({"strategy": "recursive"}, RecursiveSettings(250, PLAINTEXT)),
        ({"strategy": "recursive", "separators": ["a", "b"]}, RecursiveSettings(250, ("a", "b"))),
        ({"strategy": "recursive", "separators": ["x"] * 50}, RecursiveSettings(250, ("x",) * 50)),
        ({"strategy": "none"}, NoneSettings()),
    ],
)
def test_every_key_is_optional(value: object, expected: ChunkingSettings) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize("value", [{"strategy": name} for name in ("sentence", "word", "recursive")])
def test_the_limit_bounds_what_is_asked_for_and_what_is_not(value: dict[str, object]) -> None:
    stored = msgspec.to_builtins(parse(value, limit=40))
    assert stored["max_chunk_size"] == 40
    assert msgspec.to_builtins(parse(value | {"max_chunk_size": 9000}, limit=0))["max_chunk_size"] == 9000
    with pytest.raises(ValidationFailed) as caught:
        parse(value | {"max_chunk_size": 41}, limit=40)
    assert caught.value.reason == (
        "Validation Failed: 1: [chunking_settings] Invalid value [41.0]. "
        "[max_chunk_size] must be less than or equal to [40.0];"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x", "1: " + _TYPE.format("chunking_settings", "x", "Map")),
        ([1], "1: " + _TYPE.format("chunking_settings", "[1]", "Map")),
        (False, "1: " + _TYPE.format("chunking_settings", "false", "Map")),
        (
            {"max_chunk_size": 250.0, "sentence_overlap": "1"},
            "1: " + _TYPE.format("max_chunk_size", "250.0", "Integer")
            + "2: "
            + _TYPE.format("sentence_overlap", "1", "Integer"),
        ),
        (
            {"max_chunk_size": -1},
            "1: [chunking_settings] Invalid value [-1]. [max_chunk_size] must be a positive integer;",
        ),
        (
            {"strategy": "word", "max_chunk_size": 5, "overlap": "x"},
            "1: [chunking_settings] Invalid value [5.0]. [max_chunk_size] must be greater than or equal to [10.0];",
        ),
        (
            {"strategy": "recursive", "separators": "x", "separator_group": 7},
            "1: " + _TYPE.format("separator_group", "7", "String")
            + "2: "
            + _TYPE.format("separators", "x", "List"),
        ),
        (
            {"strategy": "recursive", "separators": [None, {"a": 1}]},
            "1: " + _TYPE.format("separators", "null", "String")
            + "2: "
            + _TYPE.format("separators", "{a=1}", "String"),
        ),
        (
            {"strategy": "recursive", "overlap": 1},
            "1: Recursive chunking settings can not have the following settings: [overlap];",
        ),
        (
            {"strategy": "recursive", "separators": [], "separator_group": "markdown"},
            "1: Recursive chunking settings can not have both separators and separator_set;",
        ),
    ],
)
def test_problems(value: object, reason: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(value)
    assert caught.value.reason == f"Validation Failed: {reason}"


@pytest.mark.parametrize(("strategy", "shown"), [("Sentence", "Sentence"), (5, "5"), ({"a": [True]}, "{a=[true]}")])
def test_unknown_strategy(strategy: object, shown: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        parse({"strategy": strategy, "max_chunk_size": 1})
    assert caught.value.reason == f"Invalid chunkingStrategy {shown}"


def test_foreign_keys_come_in_the_order_of_a_java_hash_map() -> None:
    # Java 17 lists a HashMap with these keys so; "foo".hashCode() is 101574 and spreads to bucket 7 of 16.
    with pytest.raises(ValidationFailed) as caught:
        parse({"strategy": "word", "foo": 1, "bar": 2, "zebra": 3, "apple": 4, "sentence_overlap": 1})
    assert "[zebra, apple, bar, sentence_overlap, foo]" in caught.value.reason


def test_a_larger_map_has_more_buckets() -> None:
    # A key of one letter hashes to its code: of 16 buckets p has the first, before a, but not of 32.
    with pytest.raises(ValidationFailed) as caught:
        parse(dict.fromkeys("ponmlkjihgfedcba", 1))
    assert "[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]" in caught.value.reason
    with pytest.raises(ValidationFailed) as caught:
        parse(dict.fromkeys("pa", 1))
    assert "[p, a]" in caught.value.reason


def test_markdown_patterns_begin_with_a_real_newline() -> None:
    assert all(pattern.startswith("\n") for pattern in MARKDOWN)
    assert read_limit_exceeded("a+").reason == "Chunk separator regex [a+] has exceeded the character read limit"


def test_settings_do_not_load_icu() -> None:
    modules = "inferd.chunking.settings, inferd.chunking.worker, inferd.chunking.batches, inferd.chunking.command"
    check = f"import sys, {modules}; sys.exit('icu' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
