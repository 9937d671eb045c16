"""Suggestions for a misspelt name, by Elasticsearch's measure: Lucene's LevenshteinDistance above one half."""

from collections.abc import Iterable

# Both are bounded by what a client may send; the work is their product.
_LONGEST = 200


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean [x]?`` or ``did you mean any of [x, y]?``, the nearest first; empty if nothing is near."""
    if len(word) > _LONGEST:
        return ""
    scored = sorted((-_similarity(word, name), name) for name in known)
    near = [name for score, name in scored if score < -0.5]
    if not near:
        return ""
    return f"did you mean [{near[0]}]?" if len(near) == 1 else f"did you mean any of [{', '.join(near)}]?"


def _similarity(one: str, other: str) -> float:
    """1.0 for the same word, 0.0 for one that shares nothing."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        diagonal, row[0] = row[0], at
        for column, candidate in enumerate(other, 1):
            substituted = diagonal + (letter != candidate)
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, substituted)
    return 1.0 - row[-1] / max(len(one), len(other), 1)
