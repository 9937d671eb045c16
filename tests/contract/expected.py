"""Answers as they must be, byte for byte."""

import msgspec


def error(kind: str, reason: str, status: int = 400, *causes: tuple[str, str], root: int | None = None) -> bytes:
    """Elasticsearch's envelope; ``causes`` are (type, reason) of each ``caused_by``, ``root`` the one shown as root.

    0 is the failure itself, 1 its first cause; the innermost if not given.
    """
    chain = [{"type": kind, "reason": reason}, *({"type": one, "reason": words} for one, words in causes)]
    shown = dict(chain[len(causes) if root is None else root])
    nested: dict[str, object] = {}
    for link in reversed(chain):
        nested = {**link, **({"caused_by": nested} if nested else {})}
    return msgspec.json.encode({"error": {"root_cause": [shown], **nested}, "status": status})


def invalid(*problems: str) -> bytes:
    """Problems of settings."""
    return error("validation_exception", _numbered(problems))


def bad_request(*problems: str) -> bytes:
    """Problems of a request."""
    return error("action_request_validation_exception", _numbered(problems))


def status(reason: str, status: int = 400) -> bytes:
    """A status_exception."""
    return error("status_exception", reason, status)


def malformed(reason: str) -> bytes:
    """JSON that is not what was asked for."""
    return error("x_content_parse_exception", reason)


def flat(reason: str, status: int) -> bytes:
    """A refusal from before any handler."""
    return msgspec.json.encode({"error": reason, "status": status})


def event(data: bytes, name: str = "message") -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: ".encode() + data + b"\n\n"


def chat_error(kind: str, message: str, code: str = "bad_request") -> bytes:
    """A chat's failure as the one event it comes in."""
    return event(msgspec.json.encode({"error": {"code": code, "message": message, "type": kind}}), "error")


def not_found(inference_id: str) -> bytes:
    """The answer for an id nobody has."""
    return error("resource_not_found_exception", f"Inference endpoint not found [{inference_id}]", 404)


def _numbered(problems: tuple[str, ...]) -> str:
    return "Validation Failed: " + "".join(f"{number}: {problem};" for number, problem in enumerate(problems, 1))
