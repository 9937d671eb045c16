"""Shortens texts that an upstream finds too long, counted as Java counts: in UTF-16 code units (class Truncator)."""

from collections.abc import Sequence

# Characters a token has, at the least.
CHARACTERS_A_TOKEN = 3


def limited(texts: Sequence[str], max_tokens: int | None) -> Sequence[str]:
    """The texts, none longer than ``max_tokens`` tokens can be; None is no limit."""
    if max_tokens is None:
        return texts
    return [_cut(text, max_tokens * CHARACTERS_A_TOKEN) for text in texts]


def halved(texts: Sequence[str]) -> Sequence[str]:
    """The texts, each half as long, but none emptied: an empty one would be refused for that."""
    return [_cut(text, _length(text) // 2) or text[:1] for text in texts]


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _cut(text: str, units: int) -> str:
    """At most the first ``units`` code units; one less where a pair would be split, whose half Java leaves standing."""
    if 2 * len(text) <= units:
        return text
    if text.isascii():
        return text[:units]
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
