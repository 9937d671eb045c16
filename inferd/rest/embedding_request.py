"""The body of an ``embedding`` request: texts, or objects around one text each (Elasticsearch's EmbeddingRequest)."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from inferd.errors import Failure, IllegalArgument, MalformedContent, RequestInvalid, StatusFailure
from inferd.rest.input_type import parse as parse_input_type
from inferd.rest.shape import decode, failed_field
from inferd.schema.inference import InferenceRequest
from inferd.xcontent import decoder_of

PARSER = "EmbeddingRequest"

WITHOUT_CHUNK = "Field [chunking_settings] can only be specified together with [chunk] set to [true]"

_FORMATS = {"text": ("text",), "image": ("base64",), "audio": ("base64",), "video": ("base64",), "pdf": ("base64",)}


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of content (InferenceString)."""

    type: str
    value: str
    format: str | UnsetType = UNSET


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes one embedding."""

    content: _Item | list[_Item]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    input: str | _Content | list[str | _Content]
    input_type: str | UnsetType = UNSET
    task_settings: dict[str, Any] | UnsetType = UNSET
    chunk: bool | None | UnsetType = UNSET
    chunking_settings: Any = UNSET


_BODY = decoder_of(_Body)


def parse(raw: bytes) -> InferenceRequest:
    """The request in ``raw``, its content objects unwrapped.

    Besides the failures of a wrong shape: StatusFailure 400 for content that is no text, or more than one in a place.
    """
    body = decode(raw, _BODY, PARSER)
    inputs = body.input if isinstance(body.input, list) else [body.input]
    problems = [] if inputs else ["Field [inputs] cannot be an empty array"]
    if body.chunking_settings not in (UNSET, None) and body.chunk is not True:
        problems.append(WITHOUT_CHUNK)
    if problems:
        raise RequestInvalid(problems)
    items = [_items(raw, at, one, whole=not isinstance(body.input, list)) for at, one in enumerate(inputs)]
    input_type = None if body.input_type is UNSET else parse_input_type(raw, body.input_type, PARSER)
    return InferenceRequest(
        input=[_text(at, pieces) for at, pieces in enumerate(items)],
        input_type=input_type,
        task_settings=None if body.task_settings is UNSET else body.task_settings,
        chunk=body.chunk is True,
        chunking_settings=None if body.chunking_settings is UNSET else body.chunking_settings,
    )


def _items(raw: bytes, at: int, one: str | _Content, *, whole: bool) -> list[_Item]:
    if isinstance(one, str):
        return [_Item("text", one)]
    pieces = one.content if isinstance(one.content, list) else [one.content]
    for piece in pieces:
        problem = _problem(piece)
        if problem is not None:
            path = ("input", "content") if whole else ("input", at, "content")
            raise _refused(raw, path, problem)
    if not pieces:
        raise _refused(raw, ("input",), IllegalArgument("Field [content] cannot be an empty array"))
    return pieces


def _refused(raw: bytes, path: tuple[str | int, ...], cause: Failure) -> MalformedContent:
    failure = failed_field(raw, path, PARSER)
    failure.__cause__ = cause
    return failure


def _problem(piece: _Item) -> Failure | None:
    """What is wrong with a piece by itself (InferenceString's checks); its type and format may be in any case."""
    kind = piece.type.strip().lower()
    if kind not in _FORMATS:
        return IllegalArgument(f"Unrecognized type [{piece.type}], must be one of [{', '.join(_FORMATS)}]")
    formats = _FORMATS[kind]
    form = formats[0] if piece.format is UNSET else piece.format.strip().lower()
    if form not in formats:
        return IllegalArgument(
            f"Data type [{kind}] does not support data format [{form}], supported formats are [{', '.join(formats)}]"
        )
    if form == "base64" and not (piece.value.startswith("data:") and ";base64," in piece.value):
        return IllegalArgument(
            "base64 inputs must be specified as data URIs with the format [data:{MIME-type};base64,...]"
        )
    return None


def _text(at: int, pieces: list[_Item]) -> str:
    if len(pieces) > 1:
        raise StatusFailure(
            "Field [content] must contain a single item for [openai] service. "
            f"[content] object with multiple items found at $.input.content[{at}]"
        )
    if pieces[0].type.strip().lower() != "text":
        raise StatusFailure("The openai service does not support embedding with non-text inputs")
    return pieces[0].value
