"""Parts of a JSON answer, chosen by ``filter_path`` as Elasticsearch's FilterPath does it; what stays is untouched.

Paths are separated by commas, their steps by dots; ``*`` stands for any letters of a name, ``**`` for any number of
steps, a backslash takes a dot into a name, a leading ``-`` turns a path into one that is left out. Arrays are no
steps. What is left out goes first, then what is asked for is taken from the rest.
"""

import re
from functools import lru_cache
from typing import TypeAlias

import msgspec

Steps: TypeAlias = tuple[str, ...]
Paths: TypeAlias = frozenset[Steps]

_ENCODER = msgspec.json.Encoder()
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_DOT = re.compile(r"(?<!\\)\.")

# A path is matched against every name in the answer; nobody writes more of them by hand.
MAX_PATHS = 100


def filtered(raw: bytes, filter_path: str) -> bytes:
    """Well-formed compact ``raw`` with only what ``filter_path`` asks for; ``{}`` or ``[]`` where nothing is left."""
    includes, excludes = _parsed(filter_path)
    if excludes:
        raw = _without(raw, excludes) or _emptied(raw)
    if includes:
        raw = _only(raw, includes) or _emptied(raw)
    return raw


@lru_cache(64)
def _parsed(filter_path: str) -> tuple[Paths, Paths]:
    paths = [path.strip() for path in filter_path.split(",") if path.strip()][:MAX_PATHS]
    includes = frozenset(_steps(path) for path in paths if not path.startswith("-"))
    return includes, frozenset(_steps(path[1:]) for path in paths if path.startswith("-"))


def _steps(path: str) -> Steps:
    steps = [step.replace("\\.", ".") for step in _DOT.split(path) if step]
    # A second ** in a row asks for nothing the first does not, and would make the search explode.
    return tuple(step for at, step in enumerate(steps) if at == 0 or (step, steps[at - 1]) != ("**", "**"))


def _only(raw: bytes, paths: Paths) -> bytes | None:
    """What of ``raw`` is on ``paths``; None if nothing is."""
    if raw.startswith(b"{"):
        members: dict[str, msgspec.Raw] = {}
        for name, value in _OBJECT.decode(raw).items():
            further = _further(paths, name)
            kept = bytes(value) if _ends(further) else _only(bytes(value), further)
            if kept is not None:
                members[name] = msgspec.Raw(kept)
        return _ENCODER.encode(members) if members else None
    if raw.startswith(b"["):
        items = [kept for item in _ARRAY.decode(raw) if (kept := _only(bytes(item), paths)) is not None]
        return _ENCODER.encode([msgspec.Raw(item) for item in items]) if items else None
    return None


def _without(raw: bytes, paths: Paths) -> bytes | None:
    """``raw`` without what is on ``paths``; None if that was all of it."""
    if not paths:
        return raw
    if raw.startswith(b"{"):
        before = _OBJECT.decode(raw)
        members: dict[str, msgspec.Raw] = {}
        for name, value in before.items():
            further = _further(paths, name)
            kept = None if _ends(further) else _without(bytes(value), further)
            if kept is not None:
                members[name] = msgspec.Raw(kept)
        return _ENCODER.encode(members) if members or not before else None
    if raw.startswith(b"["):
        given = _ARRAY.decode(raw)
        items = [kept for item in given if (kept := _without(bytes(item), paths)) is not None]
        return _ENCODER.encode([msgspec.Raw(item) for item in items]) if items or not given else None
    return raw


def _further(paths: Paths, name: str) -> Paths:
    """The paths that go on below the member ``name``; an empty one has arrived there."""
    further = set()
    for steps in paths:
        if steps and steps[0] == "**":
            further.add(steps)
            steps = steps[1:]
            if not steps:
                further.add(())
        if steps and _fits(steps[0], name):
            further.add(steps[1:])
    return frozenset(further)


def _ends(paths: Paths) -> bool:
    return () in paths


def _fits(step: str, name: str) -> bool:
    """True if ``name`` is ``step``, whose stars stand for any letters; by plain search, which nothing can explode."""
    first, *others = step.split("*")
    if not others:
        return step == name
    *middle, last = others
    at, end = len(first), len(name) - len(last)
    if at > end or not name.startswith(first) or not name.endswith(last):
        return False
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _emptied(raw: bytes) -> bytes:
    return b"[]" if raw.startswith(b"[") else b"{}"
