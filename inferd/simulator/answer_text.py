"""The words of a chat answer: the same for the same question, readable, and plainly not those of a model."""

import re
from itertools import cycle, islice
from zlib import crc32

_OPENINGS = (
    "No model has thought about this, for inferd's simulator answers here.",
    "This answer was made without a model, by the simulator that comes with inferd.",
    "Behind this endpoint works a simulator, so take the words as a sample and not as advice.",
)
_MIDDLES = (
    "The same question always gets the same reply, which is what a test wants.",
    "Every word you read travelled in a chunk of its own, as it would from a real provider.",
    "Nothing left this machine, and no account was charged.",
)
_CLOSINGS = (
    "Point the endpoint at a real provider when you want to know more.",
    "Give the endpoint a real model and ask again.",
    "A model would now go on; a simulator knows when to stop.",
)
_THOUGHTS = "The question is short. A simulator need not think, yet it can show how thinking would arrive."
_QUOTED_WORDS = 24

# A chunk is a word with the space before it, as models divide text; the space at the very end stays too.
_CHUNK = re.compile(r"\s*\S+(?:\s+\Z)?|\s+")


def answer_to(question: str, variant: int = 0) -> str:
    """The answer to ``question``; further variants serve requests for several choices."""
    return f"{_asked(question)} {_choose(question, variant)}"


def answer_after_tool(result: str, variant: int = 0) -> str:
    """The answer to what a tool returned."""
    return f'The tool returned: "{_shortened(result)}". {_choose(result, variant)}'


def thoughts() -> list[str]:
    """What the simulator thinks before it answers, as chunks."""
    return chunks(_THOUGHTS)


def chunks(text: str) -> list[str]:
    """``text`` cut into words; joined, they are ``text`` again."""
    return _CHUNK.findall(text)


def exactly(count: int, text: str) -> list[str]:
    """``count`` chunks of one word each: those of ``text``, over and over."""
    words = text.split()
    return [words[0], *islice(cycle([f" {word}" for word in words[1:] + words[:1]]), count - 1)] if count else []


def filled(size: int) -> str:
    """Text of exactly ``size`` bytes."""
    line = "inferd simulator "
    return (line * (size // len(line) + 1))[:size]


def _asked(question: str) -> str:
    return f'You asked: "{_shortened(question)}".' if question.strip() else "You asked nothing."


def _shortened(text: str) -> str:
    words = text.split()
    return " ".join(words[:_QUOTED_WORDS]) + (" …" if len(words) > _QUOTED_WORDS else "")


def _choose(text: str, variant: int) -> str:
    seed = crc32(text.encode("utf-8")) + variant
    choices = (_OPENINGS[seed % 3], _MIDDLES[seed // 3 % 3], _CLOSINGS[seed // 9 % 3])
    return " ".join(choices)
