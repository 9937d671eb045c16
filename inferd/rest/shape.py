"""Bodies of a fixed shape: decoded in one go, and where that fails, told as Elasticsearch's ObjectParser tells it."""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from inferd.errors import IllegalArgument, MalformedContent
from inferd.rest.did_you_mean import suggestion
from inferd.xcontent import ANY, Path, malformed, path_in, place_of, refuse_deep, refuse_duplicates

Shape = TypeVar("Shape", bound=msgspec.Struct)

_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)


_WRONG_TYPE = re.compile(r"Expected `.*`, got `(.*)`")

# What a value of msgspec's kinds is called by XContent's parser.
_TOKENS = {
    "null": "VALUE_NULL",
    "str": "VALUE_STRING",
    "int": "VALUE_NUMBER",
    "float": "VALUE_NUMBER",
    "bool": "VALUE_BOOLEAN",
    "array": "START_ARRAY",
    "object": "START_OBJECT",
}


def decode(raw: bytes, decoder: "msgspec.json.Decoder[Shape]", parser: str) -> Shape:
    """``raw`` as the decoder's type; ``parser`` is what Elasticsearch calls the parser of the outermost object.

    MalformedContent with the place of what is wrong: of the key that is unknown, of the value that is of another type.
    IllegalArgument for a required field that is not there.
    """
    refuse_deep(raw)
    try:
        shape = decoder.decode(raw)
    except msgspec.ValidationError as problem:
        _check_json(raw)
        raise _told(raw, problem, decoder, parser) from None
    except ValueError as problem:
        raise malformed(raw, problem) from None
    refuse_duplicates(raw)
    return shape


def failed_field(raw: bytes, path: Path, parser: str) -> MalformedContent:
    """The failure for a value at ``path`` that cannot be meant; only the outermost field is named, as there."""
    return MalformedContent(f"{place_of(raw, path)} [{parser}] failed to parse field [{path[0]}]")


def unknown_field(raw: bytes, name: str, parser: str, known: Iterable[str]) -> MalformedContent:
    """The failure for a member of the outermost object that is not ``known``, with likely names."""
    near = suggestion(name, known)
    told = f"unknown field [{name}]" + (f" {near}" if near else "")
    return MalformedContent(f"{place_of(raw, (name,), key=True)} [{parser}] {told}")


def _check_json(raw: bytes) -> None:
    """The decoder has stopped at the first wrong type: what follows may be no JSON at all."""
    try:
        ANY.decode(raw)
    except ValueError as problem:
        raise malformed(raw, problem) from None
    refuse_duplicates(raw)


def _told(
    raw: bytes, problem: msgspec.ValidationError, decoder: "msgspec.json.Decoder[Shape]", parser: str
) -> MalformedContent | IllegalArgument:
    what, path = path_in(problem)
    wrong_type = _WRONG_TYPE.fullmatch(what)
    token = _TOKENS[wrong_type[1]] if wrong_type else None
    if token is not None and len(path) == 1:
        told = f"{path[0]} doesn't support values of type: {token}"
        return MalformedContent(f"{place_of(raw, path)} [{parser}] {told}")
    if path:
        unknown = _UNKNOWN.fullmatch(what)
        return failed_field(raw, (*path, unknown[1]) if unknown else path, parser)
    if missing := _MISSING.fullmatch(what):
        return IllegalArgument(f"Required [{missing[1]}]")
    if unknown := _UNKNOWN.fullmatch(what):
        return unknown_field(raw, unknown[1], parser, [f.encode_name for f in msgspec.structs.fields(decoder.type)])
    # What is neither is a number, and one out of range.
    return MalformedContent(f"{place_of(raw, ())} [{parser}] Expected START_OBJECT but was: {token or 'VALUE_NUMBER'}")
