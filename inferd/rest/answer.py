"""Answers that are whole: JSON in the media type and form the client asked for, and plain words for probes."""

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from inferd.errors import Failure, envelope
from inferd.rest.filter_path import filtered
from inferd.rest.media_type import JSON, answered
from inferd.rest.pretty import pretty

# Elastic's clients refuse a server without the first; the second keeps aiohttp from telling versions.
PRODUCT = {"X-elastic-product": "Elasticsearch", "Server": "inferd"}

# Plain text is said as Elasticsearch says it.
TEXT = "text/plain; charset=UTF-8"

# Larger bodies are filtered and indented in a thread: a million numbers take a second.
_LARGE = 128 * 1024

_ENCODER = msgspec.json.Encoder()


def json(document: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """``document`` as JSON; members that are ``msgspec.Raw`` go out byte for byte."""
    return web.Response(
        body=_ENCODER.encode(document),
        status=status,
        headers={**PRODUCT, "Content-Type": JSON, **(headers or {})},
    )


def text(words: str, *, status: int = 200) -> web.Response:
    """Plain text, for probes and people."""
    return web.Response(body=words.encode(), status=status, headers={**PRODUCT, "Content-Type": TEXT})


def failure(told: Failure) -> web.Response:
    """The failure as a whole answer."""
    return json(envelope(told), status=told.status, headers=told.headers)


def speak(response: web.StreamResponse, accept: str | None) -> None:
    """Gives a JSON answer the media type the client's ``Accept`` names; no other answer is touched."""
    spoken = answered(accept)
    if spoken is not JSON and _is_json(response):
        response.headers["Content-Type"] = spoken


async def filter(response: web.StreamResponse, filter_path: str) -> None:
    """Cuts a JSON answer down to ``filter_path``; no other answer is touched."""
    await _rewrite(response, lambda body: filtered(body, filter_path))


async def indent(response: web.StreamResponse) -> None:
    """Writes a JSON answer for people; no other answer is touched."""
    await _rewrite(response, pretty)


async def _rewrite(response: web.StreamResponse, write: Callable[[bytes], bytes]) -> None:
    if not isinstance(response, web.Response) or not _is_json(response):
        return
    body = response.body
    assert isinstance(body, bytes)
    response.body = write(body) if len(body) <= _LARGE else await asyncio.to_thread(write, body)


def _is_json(response: web.StreamResponse) -> bool:
    return response.headers.get("Content-Type") == JSON
