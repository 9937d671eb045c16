"""What a unified chat request must hold to beyond its types, in the words of Elasticsearch's ``inference.completion``.

The words are for a reader of this code and its tests: a client is told only which of the outermost fields failed.
"""

from collections.abc import Collection
from typing import Any

from inferd.errors import IllegalArgument
from inferd.schema import timevalue

# In the order of Elasticsearch's Reasoning.ReasoningEffort.
EFFORTS = ("xhigh", "high", "medium", "low", "minimal", "none")

# What a detail of each type holds, at least one of it; and what any detail may hold.
_DETAILS = {
    "reasoning.encrypted": ("data",),
    "reasoning.summary": ("summary",),
    "reasoning.text": ("text", "signature"),
}
_OF_ANY_DETAIL = {"type": str, "format": str, "id": str, "index": int}


def one_of(given: str, names: Collection[str], field: str, parent: str) -> str:
    """The one of ``names`` that ``given`` is, in any case; ValueError for another word."""
    name = given.lower()
    if name not in names:
        raise ValueError(f"Unrecognized {field} [{given}] in object [{parent}], must be one of [{', '.join(names)}]")
    return name


def require_only(needed: str, given: Collection[str], parent: str) -> None:
    """ValueError unless ``needed`` is given, and nothing else."""
    if needed not in given:
        raise ValueError(f"Field [{needed}] in object [{parent}] is required but was not found")
    if len(given) > 1:
        raise ValueError(f"[{parent}] contains unknown fields [{', '.join(sorted(set(given) - {needed}))}]")


def check_reasoning_detail(detail: dict[str, Any]) -> None:
    """ValueError for what is no ReasoningDetail; a null counts as absent, since models write it."""
    kind = detail.get("type")
    if not isinstance(kind, str):
        raise ValueError("Field [type] in object [reasoning_details] is required but was not found")
    if kind not in _DETAILS:
        raise ValueError(f"Unrecognized type [{kind}] in object [reasoning_details]")
    needed = _DETAILS[kind]
    given = {name: value for name, value in detail.items() if value is not None}
    if not any(name in given for name in needed):
        raise ValueError(f"Field [{needed[0]}] in object [reasoning_details] is required but was not found")
    types = _OF_ANY_DETAIL | dict.fromkeys(needed, str)
    unknown = [name for name in given if name not in types]
    if unknown:
        raise ValueError(f"[reasoning_details] contains unknown fields [{', '.join(unknown)}]")
    for name, value in given.items():
        if not isinstance(value, types[name]) or isinstance(value, bool):
            raise ValueError(f"Field [{name}] in object [reasoning_details] is not of the expected type")


def check_span(text: str, field: str) -> None:
    """ValueError unless ``text`` is a span of time as Elasticsearch writes them."""
    try:
        timevalue.parse(text, field)
    except IllegalArgument as problem:
        raise ValueError(problem.reason) from None
