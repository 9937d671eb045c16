"""Cutting a text before the matches of regular expressions, on ICU's engine, within a bound on the work.

ICU's expressions follow Java's, which Elasticsearch uses; Python's differ in syntax and in ``$``. No expression can
run away: ICU reports every 10,000 saved states, and a search may take about ten of those for each character.
"""

from itertools import pairwise

import icu

from inferd.chunking.settings import DASHED_HEADING, DOUBLED_HEADING
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


class Separators:
    """The separators of one text, compiled when first used; for one thread only."""

    def __init__(self, text: icu.UnicodeString, patterns: tuple[str, ...]) -> None:
        self._text = text
        self._patterns = patterns
        self._compiled: dict[int, icu.RegexPattern] = {}

    def cut(self, number: int, start: int, end: int) -> list[tuple[int, int]]:
        """The stretch from ``start`` to ``end`` cut before each match of the pattern ``number``.

        ``^``, ``$`` and look-around see nothing outside the stretch. IllegalArgument if the pattern is not valid or
        its search takes too many steps.
        """
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
            raise exceeded(self._patterns[number])
        return list(pairwise([*cuts, end]))

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
    """``pattern`` compiled for many lines; IllegalArgument, with ICU's words where it has some, if it is not valid."""
    try:
        return icu.RegexPattern.compile(_IN_JAVA_MEANING.get(pattern, pattern), icu.URegexpFlag.MULTILINE)
    except icu.ICUError as problem:
        raise IllegalArgument(f"Invalid chunk separator regex [{pattern}]: {_reason(problem)}") from None


def exceeded(pattern: str) -> IllegalArgument:
    """The failure for a search that took too many steps, in Elasticsearch's words."""
    return IllegalArgument(f"Chunk separator regex [{pattern}] has exceeded the character read limit")


def _reason(problem: icu.ICUError) -> str:
    """What ICU says and where: the arguments are its code and a tuple of message, line, offset and context."""
    message, _, offset, *_ = problem.args[1]
    said = message.rstrip(".") if isinstance(message, str) else f"ICU error {problem.getErrorCode()}"
    return f"{said} near index {offset}"
