"""Request bodies read as typed values, refused in OpenAI's words where they are wrong."""

import re
from typing import TypeVar

import msgspec

from inferd.simulator.answers import Answer, Refused, refusal

T = TypeVar("T")

_PLACE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")


def read(body: bytes, kind: type[T]) -> T:
    """``body`` as ``kind``; Refused 400 whose ``param`` names the field that is missing or of the wrong type."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as problem:
        raise Refused(_invalid(str(problem))) from None
    # Very deep nesting and bytes that are not UTF-8 have exceptions of their own.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise wrong("The body of the request is not valid JSON.") from None


def wrong(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """The refusal of a request that parsed but cannot be meant."""
    return Refused(refusal(400, message, param=param, code=code))


def _invalid(problem: str) -> Answer:
    place = _PLACE.fullmatch(problem)
    assert place is not None
    reason, path = place[1], place[2] or ""
    missing = _MISSING.fullmatch(reason)
    if missing:
        path = f"{path}.{missing[1]}".lstrip(".")
        return refusal(400, f"Missing required parameter: '{path}'.", param=path, code="missing_required_parameter")
    return refusal(400, f"Invalid type or value for '{path}': {reason}.", param=path or None, code="invalid_type")
