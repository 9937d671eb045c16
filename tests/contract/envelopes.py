"""The forms an error may have, whatever it is about."""

import re
from typing import Any

import msgspec

from tests.served import Answer


def check_envelope(answer: Answer) -> dict[str, Any]:
    """The error in ``answer``, whose form must be one of the four there are."""
    assert 400 <= answer.status < 500 or answer.status in (502, 503, 504), answer.body
    assert answer.headers["X-elastic-product"] == "Elasticsearch"
    raw = answer.body
    if answer.headers["Content-Type"] == "text/event-stream":
        found = re.fullmatch(rb"event: error\ndata: ([^\n]*)\n\n", raw)
        assert found is not None, raw
        raw = found[1]
    document: dict[str, Any] = msgspec.json.decode(raw)
    error = document["error"]
    if isinstance(error, str):
        assert list(document) in (["error", "status"], ["error"])
    elif "message" in error:
        assert list(document) == ["error"]
        assert [name for name in error if name != "param"] == ["code", "message", "type"]
        return document
    else:
        assert list(document) == ["error", "status"]
        assert list(error)[:3] == ["root_cause", "type", "reason"]
        assert set(error) <= {"root_cause", "type", "reason", "timed_out", "caused_by"}
        assert [list(root)[:2] for root in error["root_cause"]] == [["type", "reason"]]
        assert re.fullmatch(r"[a-z_]+_exception", error["type"])
    assert document.get("status", answer.status) == answer.status
    return document
