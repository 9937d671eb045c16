"""Suggestions for a misspelt name, by Elasticsearch's measure: Lucene's LevenshteinDistance above one half."""

from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean [x]?`` or ``did you mean any of [x, y]?``, the nearest first; empty if nothing is near."""
    scored = sorted((-_similarity(word, name), name) for name in known if _may_be_near(word, name))
    near = [name for score, name in scored if score < -0.5]
    if not near:
        return ""
    return f"did you mean [{near[0]}]?" if len(near) == 1 else f"did you mean any of [{', '.join(near)}]?"


def _may_be_near(one: str, other: str) -> bool:
    """Whether their lengths allow more than one half; what a client sends may be long, and the work is the product."""
    return 2 * abs(len(one) - len(other)) < max(len(one), len(other), 1)


def _similarity(one: str, other: str) -> float:
    """1.0 for the same word, 0.0 for one that shares nothing."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        diagonal, row[0] = row[0], at
        for column, candidate in enumerate(other, 1):
            substituted = diagonal + (letter != candidate)
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, substituted)
    return 1.0 - row[-1] / max(len(one), len(other), 1)
