"""JSON as Elasticsearch's XContent reads it: strict objects, errors with ``[line:column]``, maps printed Java's way.

msgspec decodes every body; the scanner below runs only once a body has been refused, to find where. Line and
column count from 1, columns in characters.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec

from inferd.errors import Document, MalformedContent, TruncatedContent

# One token of JSON that msgspec has already found well-formed; white space, commas and colons are passed over.
_TOKEN = re.compile(rb'[\s,:]*("(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s,:{}\[\]"]+)', re.DOTALL)
_AT_PATH = re.compile(r"^(.*) - at `(?:key in )?(\$.*)`$", re.DOTALL)
# An escape in a string; the group is there where it is half of a surrogate pair without its other half.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
# Strings, also one that never ends, and the brackets that stand in none.
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]]', re.DOTALL)

# Levels of objects and arrays a body may have. Tools and settings have some ten; printing or sending on what is nested
# as deep as the interpreter can read needs more of its stack than there is.
MAX_DEPTH = 100

Path = tuple[str | int, ...]
Shape = TypeVar("Shape")


class Place(NamedTuple):
    """Where in a document something stands; both numbers count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"[{self.line}:{self.column}]"


def decoder_of(shape: "type[Shape]") -> "msgspec.json.Decoder[Shape]":
    """A decoder for bodies that clients send.

    Numbers of which ``shape`` does not say that they are floats are read by the standard library: msgspec takes 20 µs
    for one such as 1e308, and so 20 seconds for a body full of them.
    """
    return msgspec.json.Decoder(shape, float_hook=_float)


def parse_object(raw: bytes) -> Document:
    """The JSON object in ``raw``; keys in the order sent.

    MalformedContent for anything else: malformed JSON, invalid UTF-8, nesting too deep, a duplicate key (the first
    one met), another kind of value. TruncatedContent where the document ends too early.
    """
    refuse_deep(raw)
    try:
        document = ANY.decode(raw)
    except ValueError as problem:
        raise malformed(raw, problem) from None
    if not isinstance(document, dict):
        raise MalformedContent(f"{place_of(raw, ())} Failed to parse object: expecting token of type [START_OBJECT]")
    refuse_duplicates(raw)
    return document


def refuse_deep(raw: bytes) -> None:
    """MalformedContent if ``raw``, JSON or not, opens more than MAX_DEPTH brackets within each other.

    You call it before ``raw`` is decoded: whatever is done with the rest of it is then within the interpreter's bounds.
    """
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(raw):
        first = raw[found.start()]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
        if depth > MAX_DEPTH:
            raise MalformedContent(
                f"{place_at(raw, found.start())} Document nesting depth ({depth}) exceeds the maximum allowed "
                f"({MAX_DEPTH})"
            )


def malformed(raw: bytes, problem: Exception) -> MalformedContent | TruncatedContent:
    """The failure that tells a client what msgspec found wrong with ``raw`` as JSON, which is not too deep."""
    if isinstance(problem, UnicodeDecodeError):
        at = _invalid_utf8(raw)
        return MalformedContent(f"{place_at(raw, at)} Invalid UTF-8 byte 0x{raw[at]:02x}")
    if (lone := _lone_surrogate(raw)) is not None:
        return MalformedContent(f"{place_at(raw, lone)} Escape of half a surrogate pair")
    if "truncated" in str(problem):
        return TruncatedContent(f"{place_at(raw, len(raw))} Unexpected end-of-input")
    if "out of range" in str(problem):
        return MalformedContent(f"{place_at(raw, _huge_number(raw))} Number out of range")
    detail = str(problem).removeprefix("JSON is malformed: ").split(" (byte ")[0]
    return MalformedContent(f"{_first_fault(raw)} {detail[:1].upper()}{detail[1:]}")


def place_at(raw: bytes, offset: int) -> Place:
    """The place of the byte at ``offset``."""
    line_start = raw.rfind(b"\n", 0, offset) + 1
    column = len(raw[line_start:offset].decode("utf-8", "replace")) + 1
    return Place(raw.count(b"\n", 0, offset) + 1, column)


def place_of(raw: bytes, path: Path, *, key: bool = False) -> Place:
    """Where the value at ``path`` (or its ``key``) begins in well-formed ``raw``: the whole document if nowhere."""
    for at, offset, is_key in _walk(raw):
        if at == path and is_key is key:
            return place_at(raw, offset)
    return place_at(raw, len(raw) - len(raw.lstrip()))


def path_in(problem: msgspec.ValidationError) -> tuple[str, Path]:
    """A validation error of msgspec as what it says and the path it says it about."""
    found = _AT_PATH.match(str(problem))
    if found is None:
        return str(problem), ()
    steps = tuple(name or int(index) for name, index in _STEP.findall(found[2]) if name or index)
    return found[1], steps


def refuse_duplicates(raw: bytes) -> None:
    """MalformedContent if an object in well-formed ``raw`` has a key twice (XContent's duplicate detection)."""
    # A key has a colon after it, so where there is but one there are no two keys. Seeing that takes 0.2 µs, and
    # reading the plainest body a second time 2 µs.
    if raw.count(b":") < 2:
        return
    try:
        _read_keys(raw.decode("utf-8", "surrogatepass").lstrip(), 0)
    except _Duplicate:
        raise _first_duplicate(raw) from None


def java_text(value: object) -> str:
    """``value`` as Java prints it inside an error text: ``{a=1, b=[x, null]}``, ``true``, ``1.0E10``."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{key}={java_text(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(java_text, value)) + "]"
        case float():
            return _java_double(value)
        case _:
            return str(value)


def java_class(value: object) -> str:
    """The simple name of the Java class XContent would give ``value``: ``Integer``, ``LinkedHashMap`` …"""
    if isinstance(value, int) and not isinstance(value, bool):
        return "Integer" if -(2**31) <= value < 2**31 else "Long" if -(2**63) <= value < 2**63 else "BigInteger"
    names: dict[type[Any], str] = {
        bool: "Boolean", float: "Double", str: "String", dict: "LinkedHashMap", list: "ArrayList"
    }  # fmt: skip
    return names.get(type(value), "null")


def _float(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError("Number out of range")
    return value


# Takes any JSON there is.
ANY: msgspec.json.Decoder[Any] = decoder_of(object)


class _Duplicate(Exception):
    """Some object has a key twice; the scanner that is fast enough for every body cannot say where."""


def _pairs(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _Duplicate


class _NoConstant(ValueError):
    """JavaScript's NaN and Infinity, which the standard library takes for JSON."""


def _refuse_constant(name: str) -> None:
    raise _NoConstant(name)


_CONSTANTS = (b"NaN", b"Infinity", b"-Infinity")

_STRICT = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refuse_constant)

# Made once: json.loads would make one at each call, which takes twice as long as reading a small body. And the part
# that reads alone: ``decode`` looks for white space and for what follows, which takes half as long again.
_read_keys: Callable[[str, int], object] = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=len, parse_float=len
).scan_once  # type: ignore[attr-defined]  # typeshed does not know it


def _first_duplicate(raw: bytes) -> MalformedContent:
    seen: set[Path] = set()
    for path, offset, is_key in _walk(raw):
        if is_key and path in seen:
            return MalformedContent(f"{place_at(raw, offset)} Duplicate field '{path[-1]}'")
        if is_key:
            seen.add(path)
    raise AssertionError("a duplicate key was announced")  # pragma: no cover  # whoever calls this has met it


def _walk(raw: bytes) -> Iterator[tuple[Path, int, bool]]:
    """Every key and value of well-formed ``raw`` in order: its path, where it begins, whether it is a key."""
    path: list[str | int] = []
    key_next = False
    for token in _TOKEN.finditer(raw):
        text, offset = token[1], token.start(1)
        if text in (b"}", b"]"):
            path.pop()
            key_next = _step(path)
            continue
        if key_next:
            path[-1] = msgspec.json.decode(text)
            yield tuple(path), offset, True
            key_next = False
            continue
        yield tuple(path), offset, False
        if text in (b"{", b"["):
            path.append("" if text == b"{" else 0)
            key_next = text == b"{"
        else:
            key_next = _step(path)


def _step(path: list[str | int]) -> bool:
    """Moves ``path`` past a finished value; True where a key must come next."""
    if path and isinstance(path[-1], int):
        path[-1] += 1
    return bool(path) and isinstance(path[-1], str)


def _first_fault(raw: bytes) -> Place:
    """Where JSON stops being JSON; the standard library says it exactly, msgspec sometimes one byte late."""
    try:
        _read_through(raw)
    except json.JSONDecodeError as problem:
        return Place(problem.lineno, problem.colno)
    except _NoConstant:
        return place_at(raw, next(token.start(1) for token in _TOKEN.finditer(raw) if token[1] in _CONSTANTS))
    return Place(1, 1)


def _read_through(raw: bytes) -> None:
    """Reads ``raw`` as text, since bytes with a NUL among the first are taken for another encoding."""
    _STRICT.decode(raw.decode("utf-8", "replace"))


def _lone_surrogate(raw: bytes) -> int | None:
    """Where half a surrogate pair is escaped, if nothing else is wrong with ``raw``: msgspec calls it truncated."""
    try:
        _read_through(raw)
    except ValueError:
        return None
    return next((escape.start() for escape in _ESCAPE.finditer(raw) if escape[1]), None)


def _huge_number(raw: bytes) -> int:
    """Where the first number stands that no double can hold: msgspec has read up to there."""
    numbers = (token for token in _TOKEN.finditer(raw) if token[1][:1] in b"-0123456789")
    return next((number.start(1) for number in numbers if math.isinf(float(number[1]))), 0)


def _invalid_utf8(raw: bytes) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        return problem.start
    return 0


def _java_double(value: float) -> str:
    """Double.toString: plain from 10^-3 up to 10^7, else one digit before the point and ``E``."""
    if math.isnan(value) or math.isinf(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else text + ".0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    return f"{'-' if sign else ''}{first}.{''.join(rest) or '0'}E{int(exponent) + len(digits) - 1}"
