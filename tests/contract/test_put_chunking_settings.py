"""``put``: ``chunking_settings``; the tests are called as the rows of elasticsearch-rest §3.4 and chunking §1 to §2.

The defaults and the upper bound are those of contract §2.4, where the tables have keys that are required.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.expected import error, invalid, status
from tests.contract.put_body import body
from tests.served import Served, served

SCOPE = "[chunking_settings] Invalid value"
FOREIGN = "chunking settings can not have the following settings:"
MARKDOWN = [*(f"\n{'#' * depth} " for depth in range(1, 7)), "\n^(?!\\s*$).*\\n-{1,}\\n", "\n^(?!\\s*$).*\\n={1,}\\n"]
PLAINTEXT = ["(?<!\\n)\\n\\n(?!\\n)", "(?<!\\n)\\n(?!\\n)"]


def kind(name: str, value: object, java: str) -> str:
    return f"field [{name}] is not of the expected type. The value [{value}] cannot be converted to a [{java}]"


def sentence(**settings: object) -> dict[str, Any]:
    return {"strategy": "sentence", **settings}


def word(**settings: object) -> dict[str, Any]:
    return {"strategy": "word", **settings}


def recursive(**settings: object) -> dict[str, Any]:
    return {"strategy": "recursive", **settings}


SHOWN: list[tuple[str, object, dict[str, Any]]] = [
    ("absent", None, sentence(max_chunk_size=250, sentence_overlap=1)),
    ("empty", {}, sentence(max_chunk_size=250, sentence_overlap=1)),
    ("no strategy", {"max_chunk_size": 20}, sentence(max_chunk_size=20, sentence_overlap=1)),
    ("sentence", {"sentence_overlap": 0, "max_chunk_size": 300, "strategy": "sentence"},
     sentence(max_chunk_size=300, sentence_overlap=0)),
    ("sentence: null is absent", sentence(max_chunk_size=None, sentence_overlap=None),
     sentence(max_chunk_size=250, sentence_overlap=1)),
    ("word", word(overlap=1, max_chunk_size=10), word(max_chunk_size=10, overlap=1)),
    ("word: no overlap", word(max_chunk_size=30), word(max_chunk_size=30, overlap=15)),
    ("word: nothing else", word(), word(max_chunk_size=250, overlap=100)),
    ("recursive: markdown", recursive(separator_group=" Markdown ", max_chunk_size=10),
     recursive(max_chunk_size=10, separators=MARKDOWN)),
    ("recursive: plaintext", recursive(separator_group="plaintext"),
     recursive(max_chunk_size=250, separators=PLAINTEXT)),
    ("recursive: neither", recursive(), recursive(max_chunk_size=250, separators=PLAINTEXT)),
    ("recursive: separators, not compiled", recursive(separators=["(", ""]),
     recursive(max_chunk_size=250, separators=["(", ""])),
    ("none: no others read", {"strategy": "none", "max_chunk_size": "x", "foo": 1}, {"strategy": "none"}),
]  # fmt: skip


@pytest.mark.parametrize("task_type", ["text_embedding", "embedding"])
@pytest.mark.parametrize(("given", "shown"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN])
async def test_settings_are_completed_and_shown_in_order(
    inferd: Served, task_type: str, given: object, shown: dict[str, Any]
) -> None:
    answer = await inferd.ask("PUT", f"/_inference/{task_type}/e", body() | {"chunking_settings": given})
    assert answer.status == 200
    assert answer.body.endswith(b'},"chunking_settings":' + msgspec.json.encode(shown) + b"}")


POSITIVE = "[max_chunk_size] must be a positive integer"
LEAST = "[max_chunk_size] must be greater than or equal to"
GROUPS = "received. [separator_group] must be one of [markdown, plaintext]"
NO_GROUP = f"{SCOPE} empty string. [separator_group] must be a non-empty string"

ROWS: list[tuple[str, object, str]] = [
    ("foreign keys: sentence", sentence(overlap=1), f"Sentence based {FOREIGN} [overlap]"),
    ("foreign keys: word", word(sentence_overlap=1), f"Word based {FOREIGN} [sentence_overlap]"),
    ("foreign keys: recursive", recursive(overlap=1), f"Recursive {FOREIGN} [overlap]"),
    ("foreign keys: in Java's order", word(foo=1, bar=2, sentence_overlap=1),
     f"Word based {FOREIGN} [bar, sentence_overlap, foo]"),
    ("not an integer: a string", sentence(max_chunk_size="250"), kind("max_chunk_size", 250, "Integer")),
    ("not an integer: a fraction", word(max_chunk_size=250.0), kind("max_chunk_size", 250.0, "Integer")),
    ("not an integer: a boolean", sentence(sentence_overlap=True), kind("sentence_overlap", "true", "Integer")),
    ("not an integer: a long", recursive(max_chunk_size=2**31), kind("max_chunk_size", 2**31, "Integer")),
    ("zero: sentence", sentence(max_chunk_size=0), f"{SCOPE} [0]. {POSITIVE}"),
    ("zero: word", word(max_chunk_size=0), f"{SCOPE} [0]. {POSITIVE}"),
    ("zero: recursive", recursive(max_chunk_size=0), f"{SCOPE} [0]. {POSITIVE}"),
    ("negative", sentence(max_chunk_size=-250), f"{SCOPE} [-250]. {POSITIVE}"),
    ("too small: sentence", sentence(max_chunk_size=19), f"{SCOPE} [19.0]. {LEAST} [20.0]"),
    ("too small: word", word(max_chunk_size=9), f"{SCOPE} [9.0]. {LEAST} [10.0]"),
    ("too small: recursive", recursive(max_chunk_size=9), f"{SCOPE} [9.0]. {LEAST} [10.0]"),
    ("too large", sentence(max_chunk_size=301),
     f"{SCOPE} [301.0]. [max_chunk_size] must be less than or equal to [300.0]"),
    ("overlap too big", word(max_chunk_size=100, overlap=60),
     f"{SCOPE} [60.0]. [overlap] must be less than or equal to [50.0]"),
    ("overlap too big: an odd size", word(max_chunk_size=11, overlap=6),
     f"{SCOPE} [6.0]. [overlap] must be less than or equal to [5.0]"),
    ("overlap zero", word(overlap=0), f"{SCOPE} [0]. [overlap] must be a positive integer"),
    ("overlap negative", word(overlap=-1), f"{SCOPE} [-1]. [overlap] must be a positive integer"),
    ("overlap only if the size was valid", word(max_chunk_size=9, overlap=-1), f"{SCOPE} [9.0]. {LEAST} [10.0]"),
    ("bad sentence overlap", sentence(sentence_overlap=2), "sentence_overlap[2] must be either 0 or 1"),
    ("bad sentence overlap: negative", sentence(sentence_overlap=-1), "sentence_overlap[-1] must be either 0 or 1"),
    ("recursive both", recursive(separator_group="markdown", separators=["a"]),
     "Recursive chunking settings can not have both separators and separator_set"),
    ("recursive empty", recursive(separators=[]),
     "Recursive chunking settings can not have an empty list of separators"),
    ("separators: too many", recursive(separators=["a"] * 51), "separators list size [51] must not exceed [50]"),
    ("separators: not a list", recursive(separators="x"), kind("separators", "x", "List")),
    ("separators: not strings", recursive(separators=["a", 1]), kind("separators", 1, "String")),
    ("group unknown", recursive(separator_group="html"), f"{SCOPE} [html] {GROUPS}"),
    ("group empty", recursive(separator_group=""), NO_GROUP),
    ("group not a string", recursive(separator_group=1), kind("separator_group", 1, "String")),
    ("not an object", [1], kind("chunking_settings", "[1]", "Map")),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "problem"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
async def test_what_is_wrong_is_named(inferd: Served, settings: object, problem: str) -> None:
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", body() | {"chunking_settings": settings})
    assert (answer.status, answer.body) == (400, invalid(problem))
    # The same words where a request brings its own, and where texts are only cut.
    cut = await inferd.ask("POST", "/_inference/_chunk", {"input": "a", "chunking_settings": settings})
    if isinstance(settings, dict):
        assert (cut.status, cut.body) == (400, answer.body)


@pytest.mark.parametrize("strategy", ["foo", "Sentence", "", 5], ids=str)
async def test_an_unknown_strategy(inferd: Served, strategy: object) -> None:
    sent = body() | {"chunking_settings": {"strategy": strategy, "max_chunk_size": -1}}
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", sent)
    expected = error("illegal_argument_exception", f"Invalid chunkingStrategy {strategy}")
    assert (answer.status, answer.body) == (400, expected)


async def test_problems_are_numbered_in_their_order(inferd: Served) -> None:
    wrong = sentence(max_chunk_size=5, sentence_overlap=-1, foo=1)
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", body() | {"chunking_settings": wrong})
    assert answer.body == invalid(
        f"Sentence based {FOREIGN} [foo]",
        f"{SCOPE} [5.0]. {LEAST} [20.0]",
        "sentence_overlap[-1] must be either 0 or 1",
    )


@pytest.mark.parametrize("task_type", ["completion", "chat_completion"])
async def test_only_embeddings_have_them(inferd: Served, task_type: str) -> None:
    sent = body() | {"chunking_settings": sentence(max_chunk_size=20)}
    answer = await inferd.ask("PUT", f"/_inference/{task_type}/e", sent)
    text = (
        "Configuration contains settings [{chunking_settings={strategy=sentence, max_chunk_size=20}}] "
        "unknown to the [openai] service"
    )
    assert (answer.status, answer.body) == (400, status(text))


async def test_without_a_limit_a_size_is_free(tmp_path: Path) -> None:
    async with served(tmp_path, chunking_max_chunk_size_limit="0") as inferd:
        sent = body() | {"chunking_settings": word(max_chunk_size=100_000)}
        answer = await inferd.ask("PUT", "/_inference/text_embedding/e", sent)
    assert answer.json["chunking_settings"] == {"strategy": "word", "max_chunk_size": 100_000, "overlap": 100}


UPDATE = "/_inference/text_embedding/e/_update"


async def test_an_update_replaces_them_whole_by_the_same_rules(inferd: Served) -> None:
    await inferd.ask("PUT", "/_inference/text_embedding/e", body() | {"chunking_settings": word(max_chunk_size=40)})
    for given, shown in (
        (sentence(max_chunk_size=50), sentence(max_chunk_size=50, sentence_overlap=1)),
        (None, sentence(max_chunk_size=50, sentence_overlap=1)),
        ({}, sentence(max_chunk_size=50, sentence_overlap=1)),
        (word(), word(max_chunk_size=250, overlap=100)),
    ):
        answer = await inferd.ask("PUT", UPDATE, {"chunking_settings": given})
        assert (answer.status, answer.json["chunking_settings"]) == (200, shown)
    wrong = await inferd.ask("PUT", UPDATE, {"chunking_settings": sentence(max_chunk_size=19)})
    assert (wrong.status, wrong.body) == (400, invalid(f"{SCOPE} [19.0]. {LEAST} [20.0]"))
    other = await inferd.ask("PUT", UPDATE, {"chunking_settings": "not_a_map"})
    text = "Unable to parse [chunking_settings] in the request [{chunking_settings=not_a_map}]"
    assert (other.status, other.body) == (400, status(text))
