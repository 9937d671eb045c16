"""Every failure inferd can answer with, its status and type, and the documents that tell a client about it.

The tree, by what the client did or what befell it::

    Failure
    ├── StatusFailure               status_exception, any status
    │   ├── UpstreamRefusal         the provider answered, and it was no
    │   └── UpstreamUnreachable     the provider gave no answer of its own
    ├── EndpointNotFound            resource_not_found_exception, 404
    ├── EndpointExists              resource_already_exists_exception, 400
    ├── ValidationFailed            validation_exception, 400: numbered problems of settings
    │   └── RequestInvalid          action_request_validation_exception, 400: the same for a request
    ├── IllegalArgument             illegal_argument_exception, 400
    ├── MalformedContent            x_content_parse_exception, 400: JSON that is not what was asked for
    ├── TruncatedContent            x_content_e_o_f_exception, 400
    ├── BodyMissing                 parse_exception, 400
    ├── MediaTypeInvalid            media_type_header_exception, 400
    ├── AccessDenied                security_exception, 401 or 403
    ├── NumberFormat                number_format_exception, only as a cause
    ├── RequestTimedOut             timeout_exception, 429
    └── FlatFailure                 errors that Elasticsearch writes as one string, before any handler

A ``raise … from`` another Failure becomes ``caused_by``, as in Elasticsearch's ElasticsearchException.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Document = dict[str, Any]

# Elasticsearch's RestStatus names where they are not plainly derived from Python's, whose names changed in 3.13.
_STATUS_NAMES = {
    300: "multiple_choices", 301: "moved_permanently", 302: "found", 303: "see_other", 305: "use_proxy",
    307: "temporary_redirect", 400: "bad_request", 401: "unauthorized", 402: "payment_required", 403: "forbidden",
    404: "not_found", 405: "method_not_allowed", 406: "not_acceptable", 407: "proxy_authentication",
    408: "request_timeout", 409: "conflict", 410: "gone", 411: "length_required", 412: "precondition_failed",
    413: "request_entity_too_large", 414: "request_uri_too_long", 415: "unsupported_media_type",
    416: "requested_range_not_satisfied", 417: "expectation_failed", 421: "misdirected_request",
    422: "unprocessable_entity", 423: "locked", 424: "failed_dependency", 426: "upgrade_required",
    429: "too_many_requests", 500: "internal_server_error", 501: "not_implemented", 502: "bad_gateway",
    503: "service_unavailable", 504: "gateway_timeout",
}  # fmt: skip


class Failure(Exception):
    """A failure that carries its own answer.

    ``reason`` is shown to the client, so it must never hold a secret; ``headers`` go with the answer;
    ``metadata`` are further keys of the error object (Elasticsearch writes them after ``reason``).
    """

    status: int = 500
    type: str = "exception"

    def __init__(
        self, reason: str, *, headers: Mapping[str, str] | None = None, metadata: Mapping[str, object] | None = None
    ) -> None:
        # A header or a path may hold bytes that are no UTF-8; the answer must be.
        reason = reason if reason.isascii() else reason.encode("utf-8", "replace").decode()
        super().__init__(reason)
        self.reason = reason
        self.headers = dict(headers or {})
        self.metadata = dict(metadata or {})

    @property
    def cause(self) -> "Failure | None":
        """The failure this one was raised from, if that is one a client may see."""
        return self.__cause__ if isinstance(self.__cause__, Failure) else None


class StatusFailure(Failure):
    """Elasticsearch's ElasticsearchStatusException: most failures of the inference plugin, at any status."""

    type = "status_exception"

    def __init__(
        self,
        reason: str,
        status: int = 400,
        *,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(reason, headers=headers, metadata=metadata)
        self.status = status


class UpstreamRefusal(StatusFailure):
    """The upstream said no, or said something that is no answer.

    ``kind`` (its ``type``), ``code`` and ``param`` are the upstream's own words for the chat form of the error
    (UnifiedChatCompletionException); ``upstream_status`` is what it answered, None where it gave no status.
    """

    def __init__(
        self,
        reason: str,
        status: int,
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        upstream_status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason, status, headers=headers)
        self.kind = kind or "UnifiedChatCompletionErrorResponse"
        self.code = code
        self.param = param
        self.upstream_status = upstream_status


class UpstreamUnreachable(StatusFailure):
    """No answer came about: the host is unknown, nothing listens, the connection broke, a proxy has no upstream."""


class EndpointNotFound(Failure):
    """No endpoint has this id."""

    status = 404
    type = "resource_not_found_exception"

    @classmethod
    def of(cls, inference_id: str) -> "EndpointNotFound":
        """The failure for ``inference_id``, in Elasticsearch's words."""
        return cls(f"Inference endpoint not found [{inference_id}]")


class EndpointExists(Failure):
    """PUT never overwrites; Elasticsearch answers 400, not 409."""

    status = 400
    type = "resource_already_exists_exception"

    @classmethod
    def of(cls, inference_id: str) -> "EndpointExists":
        """The failure for ``inference_id``, in Elasticsearch's words."""
        return cls(f"Inference endpoint [{inference_id}] already exists")


class ValidationFailed(Failure):
    """Settings with one or more problems, all told at once (Elasticsearch's ValidationException)."""

    status = 400
    type = "validation_exception"

    def __init__(self, problems: Iterable[str]) -> None:
        numbered = "".join(f"{number}: {problem};" for number, problem in enumerate(problems, 1))
        super().__init__(f"Validation Failed: {numbered}")


class RequestInvalid(ValidationFailed):
    """A request that parsed but cannot be meant (Elasticsearch's ActionRequestValidationException)."""

    type = "action_request_validation_exception"


class IllegalArgument(Failure):
    """A bad parameter or argument."""

    status = 400
    type = "illegal_argument_exception"


class MalformedContent(Failure):
    """JSON that is malformed or not of the shape asked for; ``reason`` begins with ``[line:column] ``."""

    status = 400
    type = "x_content_parse_exception"


class TruncatedContent(Failure):
    """JSON that ends too early."""

    status = 400
    type = "x_content_e_o_f_exception"


class BodyMissing(Failure):
    """A route that needs a body got none."""

    status = 400
    type = "parse_exception"


class MediaTypeInvalid(Failure):
    """A media type that cannot be parsed, or a compatible version given on one side only."""

    status = 400
    type = "media_type_header_exception"


class AccessDenied(Failure):
    """No credentials, wrong ones (401), or a role that may not do this (403)."""

    type = "security_exception"

    def __init__(
        self,
        reason: str,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(reason, headers=headers, metadata=metadata)
        self.status = status


class NumberFormat(Failure):
    """Text that is no number; only ever the cause of another failure."""

    status = 400
    type = "number_format_exception"


class RequestTimedOut(Failure):
    """The time of the request was over before the answer began (9.5: 429, elasticsearch pull request 146531)."""

    status = 429
    type = "timeout_exception"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, headers={"X-Timed-Out": "?1"})


class FlatFailure(Failure):
    """A refusal from before any handler: Elasticsearch writes ``{"error":"text","status":N}``.

    ``show_status`` is False only for an unknown route, whose body has no ``status`` (RestController).
    """

    def __init__(
        self, reason: str, status: int, *, show_status: bool = True, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason, headers=headers)
        self.status = status
        self.show_status = show_status


# Java's own exceptions: only Elasticsearch's are unwrapped to find the root (ElasticsearchException.guessRootCauses).
_OWN_ROOTS = (IllegalArgument, MediaTypeInvalid, ValidationFailed)


def envelope(failure: Failure) -> Document:
    """The document of a failure: ``{"error": {root_cause, type, reason, …}, "status": N}``, or the flat form.

    Key order is Elasticsearch's: ``root_cause``, ``type``, ``reason``, ``timed_out``, metadata, ``caused_by``.
    """
    if isinstance(failure, FlatFailure):
        return {"error": failure.reason} | ({"status": failure.status} if failure.show_status else {})
    root = failure
    while root.cause is not None and not isinstance(root, _OWN_ROOTS):
        root = root.cause
    error: Document = {"root_cause": [_summary(root)], **_summary(failure)}
    if failure.cause is not None:
        error["caused_by"] = _causes(failure.cause)
    return {"error": error, "status": failure.status}


def chat_envelope(failure: Failure) -> Document:
    """The same failure in OpenAI's shape, as every error of a chat is told (UnifiedChatCompletionException).

    ``code`` and ``param`` are left out when unknown; a failure of our own has the status name as its code.
    """
    if isinstance(failure, UpstreamRefusal):
        code, param, kind = failure.code, failure.param, failure.kind
    else:
        code, param, kind = None, None, failure.type
    named = {} if param is None else {"param": param}
    return {"error": {"code": code or status_name(failure.status), "message": failure.reason, **named, "type": kind}}


def status_name(status: int) -> str:
    """Elasticsearch's lower-case name of an HTTP status, ``internal_server_error`` for one it does not know."""
    return _STATUS_NAMES.get(status, "internal_server_error")


def _summary(failure: Failure) -> Document:
    timed_out = {"timed_out": True} if isinstance(failure, RequestTimedOut) else {}
    return {"type": failure.type, "reason": failure.reason, **timed_out, **failure.metadata}


def _causes(failure: Failure) -> Document:
    cause = _summary(failure)
    if failure.cause is not None:
        cause["caused_by"] = _causes(failure.cause)
    return cause
