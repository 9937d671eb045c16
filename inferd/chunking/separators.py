"""Cutting a text before the matches of regular expressions, on ICU's engine, within a bound on the work.

ICU's expressions follow Java's, which Elasticsearch uses; Python's differ in syntax and in ``$``. No expression can
run away: ICU reports every 10,000 saved states, and a search may take about ten of those for each character.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import icu

from inferd.chunking.settings import DASHED_HEADING, DOUBLED_HEADING, read_limit_exceeded
from inferd.errors import IllegalArgument

# A search may take this many reports of ICU and one more for each UNITS_PER_STEP code units: a millisecond is about
# four reports. Elasticsearch allows ten reads a character; ours counts states, not reads, hence the head start.
FREE_STEPS = 100
UNITS_PER_STEP = 1_000

# From this many reports on ICU's stack of 8 MB may have overflown, which its plain search passes off as "no match".
_STEPS_TO_OVERFLOW = 20

# In these two patterns Java and ICU mean different line ends and white space by ``.``, ``$`` and ``\s``: here they are
# in Java's meaning, spelt out.
_LINE_END = r"\n\r\x{85}\x{2028}\x{2029}"
_HEADING = rf"\n(?![ \t\n\x{{b}}\f\r]*(?:[{_LINE_END}]|\z))[^{_LINE_END}]*\n"
_IN_JAVA_MEANING = {DASHED_HEADING: _HEADING + r"-+\n", DOUBLED_HEADING: _HEADING + r"=+\n"}

_FAULTS = {
    66304: "Nested too deeply",
    66305: "Syntax error",
    66307: "Unknown escape sequence",
    66308: "Unknown Unicode property",
    66310: "Parentheses that do not match",
    66311: "Number too large",
    66312: "Malformed {min,max} interval",
    66313: "Interval with a maximum below its minimum",
    66314: "Reference to a group that is not there",
    66316: "Look-behind without a bounded length",
    66319: "Missing closing bracket",
    66320: "Range with its ends exchanged",
    66324: "Pattern too big",
    66325: "Invalid group name",
}


Watch = Callable[[int, int], AbstractContextManager[None]]


def unwatched(number: int, units: int) -> AbstractContextManager[None]:
    """The watch of whoever does not mind how long the search of pattern ``number`` in ``units`` takes."""
    return nullcontext()


class Separators:
    """The separators of one text, compiled when first used; for one thread only.

    ``watch`` is entered for each search with the number of the pattern and the length of the stretch: the step limit
    bounds the work, but a few patterns work long between two steps.
    """

    def __init__(self, text: icu.UnicodeString, patterns: tuple[str, ...], watch: Watch = unwatched) -> None:
        self._text = text
        self._patterns = patterns
        self._watch = watch
        self._compiled: dict[int, icu.RegexPattern] = {}

    def cut(self, number: int, start: int, end: int) -> list[tuple[int, int]]:
        """The stretch from ``start`` to ``end`` cut before each match of the pattern ``number``.

        ``^``, ``$`` and look-around see nothing outside the stretch. IllegalArgument if the pattern is not valid or
        its search takes too many steps.
        """
        with self._watch(number, end - start):
            return list(pairwise([*self._cuts(number, start, end), end]))

    def _cuts(self, number: int, start: int, end: int) -> list[int]:
        matcher = self._pattern(number).matcher(self._text)
        matcher.region(start, end)
        steps = _Steps(FREE_STEPS + (end - start) // UNITS_PER_STEP)
        matcher.setMatchCallback(steps)
        cuts = [start]
        searched = start
        while matcher.find():
            at = matcher.start()
            searched = max(matcher.end(), at + 1)
            if cuts[-1] < at < end:
                cuts.append(at)
        if steps.left < 0 or (steps.taken >= _STEPS_TO_OVERFLOW and self._overflows(number, start, end, searched)):
            raise read_limit_exceeded(self._patterns[number])
        return cuts

    def _pattern(self, number: int) -> icu.RegexPattern:
        compiled = self._compiled.get(number)
        if compiled is None:
            compiled = self._compiled[number] = compile_separator(self._patterns[number])
        return compiled

    def _overflows(self, number: int, start: int, end: int, searched: int) -> bool:
        """Whether the search that found nothing from ``searched`` on gave up; this form of it tells."""
        stretch = self._text[start:end]
        try:
            self._pattern(number).matcher(stretch).find(min(searched, end) - start)
        except icu.ICUError:
            return True
        return False


class _Steps:
    """Counts ICU's reports, each of which also lets other threads run, and stops the search when none is left."""

    def __init__(self, allowed: int) -> None:
        self.left = allowed
        self.taken = 0

    def __call__(self, _: int) -> bool:
        self.taken += 1
        self.left -= 1
        return self.left >= 0


def compile_separator(pattern: str) -> icu.RegexPattern:
    """``pattern`` compiled for many lines; IllegalArgument, saying what is wrong and where, if it is not valid."""
    try:
        return icu.RegexPattern.compile(_IN_JAVA_MEANING.get(pattern, pattern), icu.URegexpFlag.MULTILINE)
    except icu.ICUError as problem:
        raise IllegalArgument(f"Invalid chunk separator regex [{pattern}]: {_reason(problem)}") from None


def _reason(problem: icu.ICUError) -> str:
    code = problem.getErrorCode()
    if code not in _FAULTS:
        return "Not a valid regular expression"  # Where it is not valid is then not always filled in.
    # The first of the details, ICU's own message, is a null pointer for some faults: to touch it ends the process.
    return f"{_FAULTS[code]} near index {problem.args[1][2]}"
