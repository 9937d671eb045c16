"""Spans of time as Elasticsearch writes them: ``30s``, ``1500ms``, ``2m`` (TimeValue)."""

import re
from fractions import Fraction

from inferd.errors import IllegalArgument

# Nanoseconds in each unit, longest name first: ``ms`` must not be taken for ``s``.
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


def parse(text: str, name: str) -> float:
    """The span in ``text`` in seconds; ``0`` needs no unit, and ``-1`` is none: both are 0.0.

    ``name`` is the parameter's, for the IllegalArgument of a span that cannot be read.
    """
    trimmed = text.strip()
    lowered = trimmed.lower()
    if lowered in ("-1", "0"):
        return 0.0
    unit = next((unit for unit in _UNITS if lowered.endswith(unit)), None)
    # Only the lower-case m is minutes: M would be taken for months (TimeValue.parseTimeValue).
    if unit is None or (unit == "m" and not trimmed.endswith("m")):
        raise IllegalArgument(
            f"failed to parse setting [{name}] with value [{text}] as a time value: unit is missing or unrecognized"
        )
    number = lowered[: -len(unit)].strip()
    if not re.fullmatch(r"[0-9]{1,19}", number):
        raise IllegalArgument(f"failed to parse [{text}]")
    nanoseconds = int(number) * _UNITS[unit]
    if nanoseconds > _LONGEST:
        raise IllegalArgument(f"failed to parse [{text}]: longer than 106751 days")
    return nanoseconds / 1_000_000_000


def text_of(seconds: float) -> str:
    """``seconds`` as TimeValue prints it: in the largest unit that is not exceeded, with one decimal at most."""
    nanoseconds = round(seconds * 1_000_000_000)
    for unit, size in reversed(_UNITS.items()):
        if nanoseconds >= size:
            tenths = int(Fraction(nanoseconds * 10, size))
            whole, tenth = divmod(tenths, 10)
            return f"{whole}.{tenth}{unit}" if tenth else f"{whole}{unit}"
    return "0s"
