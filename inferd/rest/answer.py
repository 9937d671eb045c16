"""Answers that are whole: JSON in the media type the client asked for, and plain words for probes."""

import msgspec
from aiohttp import web

from inferd import __version__
from inferd.errors import Failure, envelope
from inferd.services.trial import Tried
from inferd.standing import Standings

# Elastic's clients refuse a server without the first; the second keeps aiohttp from telling versions.
PRODUCT = {"X-elastic-product": "Elasticsearch", "Server": "inferd"}

_ENCODER = msgspec.json.Encoder()


def json(document: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """``document`` as JSON; members that are ``msgspec.Raw`` go out byte for byte."""
    return web.Response(
        body=_ENCODER.encode(document),
        status=status,
        headers={**PRODUCT, "Content-Type": "application/json", **(headers or {})},
    )


def text(words: str, *, status: int = 200) -> web.Response:
    """Plain text, for probes and people."""
    return web.Response(text=words, status=status, headers=PRODUCT)


def failure(told: Failure) -> web.Response:
    """The failure as a whole answer."""
    return json(envelope(told), status=told.status, headers=told.headers)


def stored(standings: Standings, result: Tried) -> web.Response:
    """The endpoint as it was stored; where its upstream could not be asked, a ``Warning`` says so (RFC 7234, 5.5)."""
    headers = {}
    if result.unreachable is not None:
        standings.unverified(result.endpoint.inference_id, result.unreachable)
        told = f"stored without validation: {result.unreachable}"
        headers["Warning"] = f'299 inferd-{__version__} "{_quoted(told)}"'
    return json(result.endpoint.shown(), headers=headers)


def _quoted(words: str) -> str:
    plain = "".join(character if " " <= character <= "~" else "?" for character in words)
    # Elastic's clients look for the text between two quotes and know no escapes.
    return plain.replace("\\", "/").replace('"', "'")
