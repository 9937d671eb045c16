"""Bodies of a fixed shape: decoded in one go, and where that fails, told as Elasticsearch's ObjectParser tells it."""

import re
from difflib import get_close_matches
from typing import TypeVar

import msgspec

from inferd.errors import MalformedContent
from inferd.xcontent import Path, malformed, path_in, place_of, refuse_duplicates

Shape = TypeVar("Shape", bound=msgspec.Struct)

_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")


def decode(raw: bytes, decoder: "msgspec.json.Decoder[Shape]", parser: str) -> Shape:
    """``raw`` as the decoder's type; ``parser`` is what Elasticsearch calls the parser of the outermost object.

    MalformedContent with the place of what is wrong: of the key that is unknown, of the value that is of another type.
    """
    try:
        shape = decoder.decode(raw)
    except msgspec.ValidationError as problem:
        refuse_duplicates(raw)
        raise _told(raw, problem, decoder, parser) from None
    except (ValueError, RecursionError) as problem:
        raise malformed(raw, problem) from None
    refuse_duplicates(raw)
    return shape


def failed_field(raw: bytes, path: Path, parser: str) -> MalformedContent:
    """The failure for a value at ``path`` that cannot be meant; only the outermost field is named, as there."""
    return MalformedContent(f"{place_of(raw, path)} [{parser}] failed to parse field [{path[0]}]")


def _told(
    raw: bytes, problem: msgspec.ValidationError, decoder: "msgspec.json.Decoder[Shape]", parser: str
) -> MalformedContent:
    what, path = path_in(problem)
    if not path:
        if unknown := _UNKNOWN.fullmatch(what):
            known = [field.encode_name for field in msgspec.structs.fields(decoder.type)]
            near = get_close_matches(unknown[1], known, n=1, cutoff=0.7)
            guess = f" did you mean [{near[0]}]?" if near else ""
            return MalformedContent(f"{place_of(raw, (unknown[1],))} [{parser}] unknown field [{unknown[1]}]{guess}")
        if missing := _MISSING.fullmatch(what):
            return MalformedContent(f"{place_of(raw, ())} Required [{missing[1]}]")
        return MalformedContent(f"{place_of(raw, ())} [{parser}] Expected START_OBJECT")
    if unknown := _UNKNOWN.fullmatch(what):
        return failed_field(raw, (*path, unknown[1]), parser)
    return failed_field(raw, path, parser)
