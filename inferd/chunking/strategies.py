"""The four strategies of Elasticsearch's chunkers: from a text to the offsets of its passages.

Each returns ``(start, end)`` pairs in UTF-16 code units, end exclusive, in the order of the text; nothing is trimmed.
There is always at least one passage, for an empty text ``(0, 0)``.
"""

import icu

from inferd.chunking.chunk import Offsets
from inferd.chunking.separators import Separators, Watch, unwatched
from inferd.chunking.words import count, sentences, skip, words_of

MOST_SHARED = 20  # words that a cut sentence, or an overlapping one, repeats at most


def whole(text: icu.UnicodeString) -> list[Offsets]:
    """The whole text as one passage (NoopChunker)."""
    return [(0, len(text))]


def by_words(text: icu.UnicodeString, size: int, overlap: int) -> list[Offsets]:
    """Passages of ``size`` words, ``overlap`` of them repeated from the one before (WordBoundaryChunker).

    A passage ends with its last word: what follows opens the next, and is lost after a full last passage.
    """
    return _word_pieces(text, size, overlap)[0]


def by_sentences(text: icu.UnicodeString, size: int, overlap: int) -> list[Offsets]:
    """Whole sentences of at most ``size`` words together (SentenceBoundaryChunker).

    With ``overlap`` 1 a passage repeats the last sentence of the one before, or its last words. A longer sentence is
    cut between words, and its pieces always share up to 20.
    """
    packer = _SentencePacker(text, size, overlap)
    for start, end in sentences(text):
        packer.add(start, end)
    return packer.finish()


def by_separators(
    text: icu.UnicodeString, size: int, separators: tuple[str, ...], watch: Watch = unwatched
) -> list[Offsets]:
    """Stretches cut before the matches of ``separators``, each one tried where those before were not enough.

    Neighbours are joined while they have at most ``size`` words together; where no separator is left, sentences
    decide (RecursiveChunker). IllegalArgument for a separator that is no regular expression or reads too much;
    ``watch`` is told of each search, see ``Separators``.
    """
    words = words_of(text)
    cutter = Separators(text, separators, watch)
    passages: list[Offsets] = []
    # A stack, last stretch on top, instead of recursion: separators may be many more than Python's frames.
    waiting = [(0, len(text), count(words, 0, len(text)), 0)]
    while waiting:
        start, end, found, depth = waiting.pop()
        if start == end or found <= size:
            passages.append((start, end))
        elif depth == len(separators):
            passages += [(start + a, start + b) for a, b in by_sentences(text[start:end], size, 0)]
        else:
            pieces = cutter.cut(depth, start, end)
            # Where nothing matched there is nothing to count again, which is most of the work.
            counted = [(a, b, count(words, a, b)) for a, b in pieces] if len(pieces) > 1 else [(start, end, found)]
            waiting += [(*piece, depth + 1) for piece in reversed(_joined(counted, size))]
    return passages


def _joined(pieces: list[tuple[int, int, int]], size: int) -> list[tuple[int, int, int]]:
    joined = pieces[:1]
    for start, end, found in pieces[1:]:
        first, _, before = joined[-1]
        # The sum decides, not a recount: one may differ from the other by a word counted twice.
        if before + found <= size:
            joined[-1] = (first, end, before + found)
        else:
            joined.append((start, end, found))
    return joined


def _word_pieces(text: icu.UnicodeString, size: int, overlap: int) -> tuple[list[Offsets], int]:
    """The passages of ``by_words`` and how many words the last of them has."""
    words = words_of(text)
    advance, status, done = words.nextBoundary, words.getRuleStatus, icu.BreakIterator.DONE
    pieces: list[Offsets] = []
    start = mark = in_piece = since_mark = last = 0
    while (boundary := advance()) != done:
        if not status():
            continue
        in_piece += 1
        since_mark += 1
        if in_piece >= size:
            pieces.append((start, boundary))
            last, in_piece = in_piece, overlap
            if overlap == 0:
                mark = boundary
            start = mark
        if since_mark == size - overlap:
            mark, since_mark = boundary, 0
    if in_piece > overlap or not pieces:
        pieces.append((start, len(text)))
        last = in_piece
    return pieces, last


class _SentencePacker:
    """The passage being filled and the sentence before, from which an overlap is taken."""

    def __init__(self, text: icu.UnicodeString, size: int, overlap: int) -> None:
        self._text = text
        self._size = size
        self._overlap = overlap
        self._words = words_of(text)
        self._passages: list[Offsets] = []
        self._start = self._end = self._found = 0
        self._previous_start = self._previous_found = 0

    def add(self, start: int, end: int) -> None:
        found = count(self._words, start, end)
        if self._found + found <= self._size:
            self._found += found
        else:
            self._close(found, end)
        if self._overlap:
            self._previous_start, self._previous_found = start, found
        self._end = end

    def finish(self) -> list[Offsets]:
        # What is open holds words, or it is the whole of a text without any.
        self._passages.append((self._start, len(self._text)))
        return self._passages

    def _close(self, found: int, end: int) -> None:
        """Ends the passage before a sentence of ``found`` words up to ``end``, which opens the next one."""
        words = found
        if self._found > 0:
            self._passages.append((self._start, self._end))
            self._start, self._found = self._opening(found)
            words = self._found
        if words > self._size:
            self._split(end)

    def _opening(self, found: int) -> tuple[int, int]:
        if not self._overlap:
            return self._end, found
        if self._previous_found + found <= self._size:
            return self._previous_start, self._previous_found + found
        left_out = max(0, self._previous_found - min(self._size // 2, MOST_SHARED))
        # A fresh iterator: the one that counts sentences must stay where it is.
        start = skip(words_of(self._text), self._previous_start, left_out)
        return start, self._previous_found - left_out + found

    def _split(self, end: int) -> None:
        start = self._start
        shared = min(MOST_SHARED, (self._size - 1) // 2)
        pieces, self._found = _word_pieces(self._text[start:end], self._size, shared)
        self._passages += [(start + a, start + b) for a, b in pieces[:-1]]
        self._start = start + pieces[-1][0]
