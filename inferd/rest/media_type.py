"""Media types: which bodies are understood, and in which words of ``Accept`` the answer is told.

Elasticsearch's ParsedMediaType, RestCompatibleVersionHelper and RestController. Its clients say
``application/vnd.elasticsearch+json; compatible-with=9`` and want to hear it again.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from aiohttp.hdrs import ACCEPT, CONTENT_TYPE
from multidict import CIMultiDictProxy

from inferd.errors import Failure, FlatFailure, IllegalArgument, MediaTypeInvalid, NumberFormat, StatusFailure

JSON = "application/json"
VENDOR_JSON = "application/vnd.elasticsearch+json"

# Elasticsearch 9 takes its own version and the one before; 7 costs nothing, since the Inference API has only one form.
VERSIONS = (9, 8, 7)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


class MediaType(NamedTuple):
    """A media type in lower case; ``version`` is its ``compatible-with``."""

    name: str
    version: int | None
    charset: str | None


@lru_cache(256)
def answered(accept: str | None) -> str:
    """The ``Content-Type`` of a JSON answer to a request with this ``Accept``, whatever that is."""
    try:
        # A list is not looked into by Elasticsearch. The JavaScript client's names the vendor's type first.
        asked = _accepted(accept.partition(",")[0]) if accept is not None else None
    except MediaTypeInvalid:
        return JSON
    if asked is None or asked.name != VENDOR_JSON:
        return JSON
    return VENDOR_JSON if asked.version is None else f"{VENDOR_JSON};compatible-with={asked.version}"


def asks_for_json(accept: str | None) -> bool:
    """True if ``Accept`` names JSON and nothing else; for answers that are text otherwise."""
    asked = _accepted(accept)
    return asked is not None and asked.name in (JSON, VENDOR_JSON)


def check(headers: CIMultiDictProxy[str], has_body: bool) -> None:
    """Refuses a request by the media types in its ``headers``: ``Accept``, and ``Content-Type`` where it has a body.

    MediaTypeInvalid for what is no media type or of a version there never will be, and for a version on one side only
    or two that differ; FlatFailure 406 for a body that is not JSON.
    """
    accept = headers.get(ACCEPT)
    if not has_body:
        _check_accept(accept)
        return
    values = headers.getall(CONTENT_TYPE, ())
    if len(values) == 1:
        _check(values[0], accept)
        return
    _check_accept(accept)
    if not values:
        raise FlatFailure("Content-Type header is missing", 406)
    cause = IllegalArgument("Incorrect header [Content-Type]. Only one value should be provided")
    raise _invalid("Content-Type", cause)


@lru_cache(256)
def _check_accept(accept: str | None) -> None:
    _accepted(accept)


@lru_cache(256)
def _check(content_type: str, accept: str | None) -> None:
    asked, given = _accepted(accept), _parsed("Content-Type", content_type)
    _check_version("Content-Type", content_type, given.version)
    # A list in Accept says nothing about versions, nor does a type that has none: Elastic's Python client adds its
    # version to the body's type alone where its user asks for text/event-stream.
    if (accept is None or "," not in accept) and (asked is None or asked.name in (JSON, VENDOR_JSON)):
        _check_same_version(asked, accept if asked is not None else None, given, content_type)
    if given.name not in (JSON, VENDOR_JSON) or given.charset not in (None, "utf-8"):
        raise FlatFailure(f"Content-Type header [{content_type}] is not supported", 406)


def _check_same_version(asked: MediaType | None, accept: str | None, given: MediaType, content_type: str) -> None:
    wanted = asked.version if asked is not None else None
    if wanted == given.version:
        return
    matching = " and the compatible versions must match" if None not in (wanted, given.version) else ""
    raise _invalid(
        "Accept, Content-Type",
        StatusFailure(
            "A compatible version is required on both Content-Type and Accept headers if either one has requested "
            f"a compatible version{matching}. Accept={accept or 'null'}, Content-Type={content_type}"
        ),
    )


def _accepted(accept: str | None) -> MediaType | None:
    """The one type that is asked for; None where any will do."""
    if accept is None or not accept.strip() or accept.strip() == "*/*" or "," in accept:
        return None
    asked = _parsed("Accept", accept)
    _check_version("Accept", accept, asked.version)
    return asked


def _parsed(header: str, value: str) -> MediaType:
    name, *parameters = [part.strip() for part in value.lower().split(";")]
    kind, slash, subtype = name.partition("/")
    if not slash or not _TOKEN.fullmatch(kind) or not _TOKEN.fullmatch(subtype):
        raise _invalid(header, IllegalArgument(f"invalid media-type [{value}]"))
    given = {}
    for parameter in filter(None, parameters):
        key, equals, word = parameter.partition("=")
        if not equals or "=" in word or key != key.strip() or word != word.strip():
            raise _invalid(header, IllegalArgument(f"invalid parameters for header [{value}]"))
        given[key] = word.strip('"')
    version = given.get("compatible-with")
    if version is not None and not re.fullmatch(r"[0-9]{1,3}", version):
        raise _invalid(header, NumberFormat(f'For input string: "{version}"'))
    return MediaType(name, None if version is None else int(version), given.get("charset"))


def _check_version(header: str, value: str, version: int | None) -> None:
    if version is not None and version not in VERSIONS:
        raise _invalid(
            "Accept, Content-Type",
            StatusFailure(
                f"{header} version must be one of versions {', '.join(map(str, VERSIONS))}, "
                f"but found {version}. {header}={value}"
            ),
        )


def _invalid(headers: str, cause: Failure) -> MediaTypeInvalid:
    failure = MediaTypeInvalid(f"Invalid media-type value on headers [{headers}]")
    failure.__cause__ = cause
    return failure
