"""Separators: where expressions cut, and that none runs away."""

from collections.abc import Iterator
from contextlib import contextmanager

import icu
import pytest

from inferd.chunking.separators import Separators, compile_separator
from inferd.chunking.settings import DASHED_HEADING, DOUBLED_HEADING
from inferd.errors import IllegalArgument

EXCEEDED = "has exceeded the character read limit"


def pieces(text: str, pattern: str) -> list[str]:
    units = icu.UnicodeString(text)
    encoded = text.encode("utf-16-le")
    cut = Separators(units, (pattern,)).cut(0, 0, len(units))
    return [encoded[2 * start : 2 * end].decode("utf-16-le") for start, end in cut]


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("a-b-c", "-", ["a", "-b", "-c"]),
        ("-a-", "-", ["-a", "-"]),
        ("abc", "-", ["abc"]),
        ("abc", "", ["a", "b", "c"]),
        ("abc", "$", ["abc"]),
        ("a\nb", "^", ["a\n", "b"]),
        ("a\r\nb", r"\R", ["a", "\r\nb"]),
        ("😀-😀", "-", ["😀", "-😀"]),
        ("a1b2", r"[\p{L}&&[^a]]", ["a1", "b2"]),
        ("x\n\n---\ny\nTitle\n---\nz", DASHED_HEADING, ["x\n\n---\ny", "\nTitle\n---\nz"]),
        ("x\n\xa0\n---\nz", DASHED_HEADING, ["x", "\n\xa0\n---\nz"]),
        ("x\n \t\u2028\n---\nz", DASHED_HEADING, ["x\n \t\u2028\n---\nz"]),
        ("x\nTi\x0btle\n===\nz", DOUBLED_HEADING, ["x", "\nTi\x0btle\n===\nz"]),
        ("x\nTitle\n===", DOUBLED_HEADING, ["x\nTitle\n==="]),
    ],
)
def test_cuts_before_each_match(text: str, pattern: str, expected: list[str]) -> None:
    assert pieces(text, pattern) == expected


def test_a_stretch_is_all_that_a_pattern_sees() -> None:
    separators = Separators(icu.UnicodeString("ab ab ab"), (r"(?<= )a", "^a", r"b(?!.)"))
    assert separators.cut(0, 3, 8) == [(3, 6), (6, 8)]
    assert separators.cut(1, 3, 8) == [(3, 8)]
    assert separators.cut(2, 0, 2) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+b", "a" * 40),
        ("[^b]*b", "a" * 100_000),
        (".*?b", "a" * 100_000),
        ("(a|c)*x", "a" * 200_000),
        ("(a|c)*x|d$", "e" + "a" * 200_000),
    ],
    ids=["exponential", "quadratic", "lazy", "stack overflow", "stack overflow later"],
)
def test_no_pattern_runs_away(pattern: str, text: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        pieces(text, pattern)
    assert caught.value.reason == f"Chunk separator regex [{pattern}] {EXCEEDED}"


def test_much_work_that_ends_is_no_failure() -> None:
    assert pieces("a" * 300_000 + "b", "(?:a|c)+?b") == ["a" * 300_000 + "b"]


def test_much_work_that_finds_nothing_is_no_failure() -> None:
    assert pieces("a" * 1_200, "a*b") == ["a" * 1_200]


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(", "Parentheses that do not match near index 1"),
        ("[a", "Missing closing bracket near index 2"),
        ("*", "Syntax error near index 1"),
        (r"\p{Foo}", "Unknown Unicode property near index 7"),
        ("(?<=a*)b", "Look-behind without a bounded length near index 7"),
        ("(" * 5_000, "Nested too deeply near index 101"),
        (r"\N{nope}", "Not a valid regular expression"),
    ],
)
def test_what_is_no_expression_is_refused(pattern: str, fault: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        compile_separator(pattern)
    assert caught.value.reason == f"Invalid chunk separator regex [{pattern}]: {fault}"


def test_a_long_pattern_is_no_failure() -> None:
    assert pieces("abc", "x" * 100_000) == ["abc"]


def test_every_search_is_watched() -> None:
    seen: list[tuple[int, int]] = []

    @contextmanager
    def watch(number: int, units: int) -> Iterator[None]:
        seen.append((number, units))
        yield

    separators = Separators(icu.UnicodeString("a b c"), ("a", " "), watch)
    separators.cut(0, 0, 5)
    separators.cut(1, 2, 5)
    separators.cut(1, 0, 1)
    assert seen == [(0, 5), (1, 3), (1, 1)]
