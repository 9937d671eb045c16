"""Spans of time as Elasticsearch writes them: ``30s``, ``1500ms``, ``2m`` (TimeValue)."""

import re
from functools import lru_cache

from inferd.errors import IllegalArgument, NumberFormat

# Nanoseconds in each unit, in the order in which their names are tried: ``ms`` must not be taken for ``s``.
_UNITS = {
    "nanos": 1,
    "micros": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_LONGEST = 2**63 - 1

_NO_UNIT = re.compile(r"-0*1|0+")
_FRACTION = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?[0-9]+e[+-]?[0-9]+")


def parse(text: str, name: str) -> float:
    """The span in ``text`` in seconds; 0.0 for nought and for -1, which mean none is set and need no unit.

    ``name`` is the parameter's, for the IllegalArgument of a span that cannot be read. What is too long for Java's
    nanoseconds (292 years) is cut there, as Java does.
    """
    lowered = text.strip().lower()
    unit = next((unit for unit in _UNITS if lowered.endswith(unit)), None)
    # Only the lower-case m is minutes: M would be taken for months (TimeValue.parseTimeValue).
    if unit == "m" and not text.strip().endswith("m"):
        unit = None
    if unit is None:
        if _NO_UNIT.fullmatch(lowered):
            return 0.0
        raise _refused(name, text, "unit is missing or unrecognized")
    number = _number(lowered[: -len(unit)].strip(), text)
    if number < -1:
        raise _refused(name, text, "negative durations are not supported")
    return min(max(number, 0) * _UNITS[unit], _LONGEST) / 1_000_000_000


# Asked for at every request and mostly for a default, at 8 µs each.
@lru_cache(64)
def text_of(seconds: float) -> str:
    """``seconds`` as TimeValue prints it: in the largest unit that is not exceeded, with one decimal at most."""
    nanoseconds = round(seconds * 1_000_000_000)
    for unit, size in reversed(_UNITS.items()):
        if nanoseconds >= size:
            whole, tenth = divmod(nanoseconds * 10 // size, 10)
            return f"{whole}.{tenth}{unit}" if tenth else f"{whole}{unit}"
    return "0s"


def _number(digits: str, text: str) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,30}", digits, re.ASCII) and -(2**63) <= int(digits) <= _LONGEST:
        return int(digits)
    fractional = ", fractional time values are not supported" if _FRACTION.fullmatch(digits) else ""
    raise IllegalArgument(f"failed to parse [{text}]{fractional}") from NumberFormat(f'For input string: "{digits}"')


def _refused(name: str, text: str, why: str) -> IllegalArgument:
    return IllegalArgument(f"failed to parse setting [{name}] with value [{text}] as a time value: {why}")
