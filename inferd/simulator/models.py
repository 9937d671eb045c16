"""GET /v1/models and /v1/models/{id}."""

from typing import Any

from inferd.simulator.answers import CREATED, Answer, Refused, document, refusal
from inferd.simulator.faults import FAULTS, Memory, named

_PLAIN = (
    "gpt-4o",
    "gpt-4o-mini",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
)
MODELS = (*_PLAIN, *FAULTS)


def listing() -> Answer:
    """All models with names of their own, the faults among them."""
    return document({"object": "list", "data": [_model(name) for name in MODELS]})


def one(name: str, key: str, memory: Memory) -> Answer:
    """One model; Refused 404 for an unknown one and for the faults its name asks for."""
    fault = named(name, memory)
    fault.check(key)
    if "sim-" not in name and name not in MODELS:
        raise Refused(refusal(404, f"The model '{name}' does not exist.", param="model", code="model_not_found"))
    return fault.spoil(document(_model(name)))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "inferd-simulator"}
