"""What a refusal of an OpenAI-compatible upstream means: text, status, and whether to try again.

Elasticsearch's OpenAiResponseHandler, OpenAiChatCompletionResponseHandler and BaseResponseHandler. Three things
differ: an upstream status of 500 and above is told as such (Elasticsearch answers 400, its issue 139710); a 429 of a
chat is tried again like any other; and so are 502 and 504, which come from a proxy that may find an upstream next time.
"""

import re
from collections.abc import Callable, Mapping

import msgspec

from inferd.errors import UpstreamRefusal
from inferd.schema.endpoint import Secrets
from inferd.upstream.errand import Refusal

_PREFIXES = {
    400: "Received a bad request status code",
    401: "Received an authentication error status code",
    413: "Received a content too large status code",
    422: "Received an input validation error response",
    429: "Received a rate limit status code",
    500: "Received a server error status code",
    503: "Received a server busy error status code",
}
_TOO_LONG = "Please reduce your prompt; or completion length."
_AGAIN = frozenset({429, 500, 502, 503, 504})

# Elasticsearch's RestStatus below 500, without 304, whose answer has no body; any other status becomes 400.
_PASSED_ON = frozenset({300, 301, 302, 303, 305, 307, *range(400, 418), 421, 422, 423, 424, 426, 429})

# The parameter of embeddings that some servers do not know, and how their refusals tell of it.
ENCODING = "encoding_format"
_ENCODING = re.compile(rb"encoding_format|base64")

_RATE_LIMIT_HEADERS = (
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
)


class UpstreamError(msgspec.Struct, frozen=True):
    """The error an OpenAI-compatible server tells; members that are neither text nor a numeric code count as absent."""

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it is OpenAI's form: only then are its type, code and param handed on."""
        return self.message is not None and self.type is not None

    @property
    def status(self) -> int:
        """The status to tell of an error that came without one, inside an answer of 200: its code may be one."""
        code = self.code or ""
        return told_status(int(code)) if re.fullmatch("[45][0-9]{2}", code) else 502


class RefusedRequest(msgspec.Struct, frozen=True):
    """What a refusal is told about: whose request it was, where it went, and how its texts are chosen."""

    inference_id: str
    url: str
    secrets: Secrets
    embeddings: bool
    server_errors_as_400: bool

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        """What to tell of an answer with ``status`` that is not 2xx."""
        error = upstream_error(body, self.secrets)
        reason = f"{self._told(status, headers, error)} for request from inference entity id [{self.inference_id}]"
        kept = retry_after(headers, self.secrets.mask)
        told = failure(f"{reason} status [{status}]", error, self._status(status), status, kept)
        if self.embeddings and _ENCODING.search(body):
            # In whatever form it is said: FastAPI's has no error, other servers answer in plain words.
            told.param = ENCODING
        return Refusal(told, again=status in _AGAIN)

    def _told(self, status: int, headers: Mapping[str, str], error: UpstreamError | None) -> str:
        if status == 404:
            return f"Resource not found at [{self.secrets.mask(self.url)}]"
        if 300 <= status < 400:
            return "Unhandled redirection"
        if status == 400 and error is not None and _TOO_LONG in (error.message or ""):
            return _PREFIXES[413]
        prefix = _PREFIXES.get(status, _PREFIXES[500] if status > 500 else "Received an unsuccessful status code")
        if status == 429 and self.embeddings:
            said = [self.secrets.mask(headers.get(name, "unknown")) for name in _RATE_LIMIT_HEADERS]
            token_limit, tokens, request_limit, requests = said
            prefix += (
                f". Token limit [{token_limit}], remaining tokens [{tokens}]. "
                f"Request limit [{request_limit}], remaining requests [{requests}]"
            )
        return prefix

    def _status(self, status: int) -> int:
        if status >= 500 and self.server_errors_as_400:
            return 400
        return told_status(status)


def failure(
    reason: str,
    error: UpstreamError | None,
    status: int,
    upstream_status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> UpstreamRefusal:
    """The failure for ``reason``, with the upstream's message behind it and its own words for the chat form."""
    if error is not None and error.message is not None:
        reason += f". Error message: [{error.message}]"
    if error is None or not error.whole:
        return UpstreamRefusal(reason, status, upstream_status=upstream_status, headers=headers)
    return UpstreamRefusal(
        reason,
        status,
        kind=error.type,
        code=error.code,
        param=error.param,
        upstream_status=upstream_status,
        headers=headers,
    )


def is_too_large(refusal: UpstreamRefusal) -> bool:
    """Whether fewer or shorter texts may be taken; see the table for how upstreams say so."""
    return refusal.reason.startswith(_PREFIXES[413])


def told_status(status: int) -> int:
    """The status a client is told for that of an upstream."""
    if status >= 500:
        return status if status in (503, 504) else 502
    return status if status in _PASSED_ON else 400


def upstream_error(body: bytes, secrets: Secrets) -> UpstreamError | None:
    """The error in ``body``, secrets masked; None where there is none to be read.

    Beside OpenAI's ``{"error": {…}}`` there are servers that write ``{"error": "…"}``, and vLLM long wrote the
    members without ``error`` around them; numbers as ``code`` are common.
    """
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    error = document.get("error", document if document.get("object") == "error" else None)
    if isinstance(error, str):
        return UpstreamError(message=secrets.mask(error))
    if not isinstance(error, dict):
        return None
    told = {name: error.get(name) for name in UpstreamError.__struct_fields__}
    if isinstance(told["code"], int) and not isinstance(told["code"], bool):
        told["code"] = str(told["code"])
    return UpstreamError(**{name: secrets.mask(text) for name, text in told.items() if isinstance(text, str)})


def retry_after(headers: Mapping[str, str], mask: Callable[[str], str]) -> dict[str, str]:
    """Handed on, so that the client, too, knows when to come back; ``mask`` takes secrets out of it."""
    return {"Retry-After": mask(headers["Retry-After"])} if "Retry-After" in headers else {}
