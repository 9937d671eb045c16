"""Bodies with long texts: read beside the loop, and the texts in steps, so that no single one of them holds it."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from inferd.aside import Aside
from inferd.errors import Failure, RequestInvalid
from inferd.steps import LONG

Asked = TypeVar("Asked", bound=msgspec.Struct)

# Where a JSON string can be cut without cutting a character: before the first byte of one that is not ASCII, before
# an escape unless it is the second half of a pair, before ASCII that cannot be the inside of an escape.
_CUT = re.compile(rb"(?<!\\)(?:[\xc2-\xf4]|[^0-9A-Fa-f\\\x80-\xff]|\\(?!u[Dd][C-Fc-f]))")

# Takes a millisecond at most to decode. Bytes.
_STEP = LONG

# Texts of one request. Four times as many of one letter would fit into a body: a list of them alone holds the loop.
MOST_TEXTS = 100_000

# What parts two texts; inside of one, a backslash stands before the quotation mark.
_BETWEEN = (b'","', b'", "')

# What stands for the texts while everything else is checked.
_STAND_IN = b'[""]'

# How many places that begin as the texts begin are looked at before the body is read the plain way.
_TRIES = 4


class _Outline(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw()


_OUTLINE = msgspec.json.Decoder(_Outline)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)


async def checked(aside: Aside, raw: bytes, check: Callable[[bytes], Asked]) -> Asked:
    """What ``check`` makes of a long ``raw``: a struct whose ``input`` is the list of texts in the member of that name.

    It is checked with other texts in it, which are replaced in the struct; so ``check`` must make nothing
    else of them. It is given the whole body all the same where it must say what is wrong with it.
    RequestInvalid for more than MOST_TEXTS.
    """
    return await aside.run(_checked_apart, raw, check)


def _checked_apart(raw: bytes, check: Callable[[bytes], Asked]) -> Asked:
    if sum(_count(raw, between) for between in _BETWEEN) >= MOST_TEXTS:
        raise RequestInvalid([f"Field [input] cannot have more than [{MOST_TEXTS}] texts"])
    try:
        outline, given = _taken_apart(raw)
        asked, texts = check(outline), _texts(given)
    except (Failure, ValueError, RecursionError):
        return check(raw)
    return msgspec.structs.replace(asked, input=texts) if texts else check(raw)


def _count(raw: bytes, what: bytes) -> int:
    return sum(raw.count(what, at, at + _STEP + len(what) - 1) for at in range(0, len(raw), _STEP))


def _taken_apart(raw: bytes) -> tuple[bytes, bytes]:
    """``raw`` with the stand-in for its ``input``, and that; ValueError if what is left would still be long."""
    given = bytes(_OUTLINE.decode(raw).input)
    # A search for the whole would be a search for megabytes in megabytes.
    beginning, at = given[:64], -1
    for _ in range(_TRIES):
        at = raw.find(beginning, at + 1)
        if raw.startswith(given, at):
            break
    else:
        raise ValueError("the texts are among others like them")
    outline = raw[:at] + _STAND_IN + raw[at + len(given) :]
    if len(outline) > LONG:
        raise ValueError("it is not the texts that make the body long")
    return outline, given


def _texts(given: bytes) -> list[str]:
    if given.startswith(b'"'):
        return [_text(given)]
    return [_text(bytes(item)) for item in _ITEMS.decode(given)]


def _text(literal: bytes) -> str:
    """The text of a JSON string; ValueError for anything else."""
    if len(literal) <= _STEP:
        return _TEXT.decode(literal)
    pieces, start, end = [], 1, len(literal) - 1
    while start < end:
        found = _CUT.search(literal, start + _STEP, end)
        stop = found.start() if found is not None else end
        pieces.append(_TEXT.decode(b'"%b"' % literal[start:stop]))
        start = stop
    return "".join(pieces)
