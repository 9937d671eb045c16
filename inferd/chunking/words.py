"""Words and sentences as ICU sees them: the primitives under every strategy, counting exactly as Elasticsearch counts.

A word is a stretch between two boundaries of ICU's word instance whose rule status is not 0; spaces, punctuation and
symbols have status 0. All offsets are UTF-16 code units, as ICU and Java count them.
"""

from collections.abc import Iterator

import icu

OLDEST_ICU = 77  # What Elasticsearch 9.4 ships; 72 already cuts one English text in twenty-five differently.
_ROOT = icu.Locale.getRoot()
_DONE = icu.BreakIterator.DONE


def require_icu(version: str, oldest: int = OLDEST_ICU) -> None:
    """ImportError unless ``version``, as ICU tells it, is at least ``oldest``: other versions cut differently."""
    if int(version.partition(".")[0]) < oldest:
        raise ImportError(
            f"inferd needs ICU {oldest} or later to cut texts as Elasticsearch does, but the module icu is built on "
            f"ICU {version}; install pyicu-wheels>=2.15.2"
        )


require_icu(icu.ICU_VERSION)


def words_of(text: icu.UnicodeString) -> icu.BreakIterator:
    """A fresh word iterator at the start of ``text``, which must outlive it; never share one between threads."""
    iterator = icu.BreakIterator.createWordInstance(_ROOT)
    iterator.setText(text)
    return iterator


def sentences(text: icu.UnicodeString) -> Iterator[tuple[int, int]]:
    """The start and end of each sentence of ``text``, in order and without gaps; none for an empty text."""
    iterator = icu.BreakIterator.createSentenceInstance(_ROOT)
    iterator.setText(text)
    start = 0
    while (end := iterator.nextBoundary()) != _DONE:
        yield start, end
        start = end


def count(words: icu.BreakIterator, start: int, end: int) -> int:
    """How many words lie from ``start`` to ``end``, as Elasticsearch's ChunkerUtils.countWords finds.

    It begins at the last boundary before ``start`` and counts the status of that boundary too. So a word that ends
    exactly one segment before ``start`` is counted once more: the word before a bare line end, for one.
    """
    boundary = _before(words, start)
    found = 0
    advance, status = words.nextBoundary, words.getRuleStatus
    while _DONE != boundary <= end:
        if status():
            found += 1
        boundary = advance()
    return found


def skip(words: icu.BreakIterator, start: int, number: int) -> int:
    """Where a passage begins that leaves out ``number`` words from ``start``, or the end of the text.

    As in SentenceBoundaryChunker.skipWords the offset lies one segment behind the last word left out, and for
    ``number`` 0 one segment before ``start``.
    """
    boundary = _before(words, start)
    while boundary != _DONE and number > 0:
        if words.getRuleStatus():
            number -= 1
        boundary = words.nextBoundary()
    return words.last() if boundary == _DONE else boundary


def _before(words: icu.BreakIterator, start: int) -> int:
    # Asked for what precedes 0 ICU answers DONE, and an iterator that has been further on then stays there for good.
    return words.preceding(start) if start > 0 else words.first()
