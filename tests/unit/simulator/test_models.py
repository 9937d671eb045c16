"""The models that are listed."""

import json

import pytest

from inferd.simulator.answers import Refused
from inferd.simulator.faults import FAULTS, Memory
from inferd.simulator.models import listing, one


def test_all_models_are_listed_faults_included() -> None:
    document = json.loads(listing().body)
    names = [model["id"] for model in document["data"]]
    assert document["object"] == "list"
    assert {"gpt-4o", "text-embedding-3-small", *FAULTS} <= set(names) and len(set(names)) == len(names)
    assert {model["owned_by"] for model in document["data"]} == {"inferd-simulator"}


@pytest.mark.parametrize("name", ["gpt-4o", "sim-words-50", "my+sim-crlf"])
def test_one_model_is_shown(name: str) -> None:
    shown = json.loads(one(name, "key", Memory()).body)
    assert shown == {"id": name, "object": "model", "created": 1735689600, "owned_by": "inferd-simulator"}


@pytest.mark.parametrize(("name", "status"), [("nothing", 404), ("sim-nothing", 404), ("sim-503", 503)])
def test_an_unknown_model_and_a_fault_are_refused(name: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        one(name, "key", Memory())
    assert refused.value.answer.status == status
