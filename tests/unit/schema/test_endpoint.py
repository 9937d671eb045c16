"""Endpoints as documents, and secrets that nothing prints."""

import copy
import pickle

import msgspec
import pytest

from inferd.errors import StatusFailure
from inferd.schema.chunking import NoneSettings
from inferd.schema.endpoint import EMBEDDING_TASKS, Endpoint, Secrets, Settings, TaskType


class Plain(Settings, frozen=True, kw_only=True):
    """Two settings, one of them hidden."""

    model_id: str | None = None
    internal: bool = False

    def shown(self) -> dict[str, object]:
        """See Settings."""
        return {name: value for name, value in self.stored().items() if name != "internal"}


def endpoint(task_type: TaskType = TaskType.COMPLETION, user: str | None = None) -> Endpoint:
    return Endpoint(
        inference_id="e",
        task_type=task_type,
        service="plain",
        service_settings=Plain(model_id="m", internal=True),
        task_settings=Plain(model_id=user),
    )


@pytest.mark.parametrize("text", ["text_embedding", "TEXT_EMBEDDING", " Completion ", "any"])
def test_a_task_type_is_read_in_any_case(text: str) -> None:
    assert TaskType.parse(text).value == text.strip().lower()


def test_an_unknown_one_is_named_as_it_came() -> None:
    with pytest.raises(StatusFailure) as unknown:
        TaskType.parse(" Chat ")
    assert (unknown.value.status, unknown.value.reason) == (400, "Unknown task_type [ Chat ]")


def test_the_tasks_that_embed() -> None:
    assert EMBEDDING_TASKS == {TaskType.TEXT_EMBEDDING, TaskType.SPARSE_EMBEDDING, TaskType.EMBEDDING}


def test_what_is_shown_has_elasticsearchs_order_and_no_empty_task_settings() -> None:
    assert msgspec.json.encode(endpoint().shown()) == (
        b'{"inference_id":"e","task_type":"completion","service":"plain","service_settings":{"model_id":"m"}}'
    )


def test_task_and_chunking_settings_come_last() -> None:
    made = msgspec.structs.replace(endpoint(TaskType.EMBEDDING, "u"), chunking_settings=NoneSettings())
    assert msgspec.json.encode(made.shown()) == (
        b'{"inference_id":"e","task_type":"embedding","service":"plain","service_settings":{"model_id":"m"},'
        b'"task_settings":{"model_id":"u"},"chunking_settings":{"strategy":"none"}}'
    )


def test_what_is_stored_has_the_internal_too() -> None:
    assert endpoint().stored()["service_settings"] == {"model_id": "m", "internal": True}


def test_settings_show_what_they_store_unless_they_say_otherwise() -> None:
    class Open(Settings, frozen=True, kw_only=True):
        user: str | None = None

    assert Open(user="u").shown() == Open(user="u").stored() == {"user": "u"}
    assert Open().requests_per_minute is None


SECRETS = Secrets({"api_key": "sk-abc", "client_secret": "sk-abcdef"})


def test_settings_limit_nothing_unless_they_say_otherwise() -> None:
    assert Settings().requests_per_minute is None


def test_secrets_are_a_mapping() -> None:
    assert dict(SECRETS) == {"api_key": "sk-abc", "client_secret": "sk-abcdef"}
    assert len(SECRETS) == 2 and len(Secrets()) == 0


def test_nothing_prints_them() -> None:
    for text in (repr(SECRETS), str(SECRETS), f"{SECRETS}", f"{[SECRETS]}", "%s" % (SECRETS,)):
        assert "sk-" not in text


@pytest.mark.parametrize("away", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_takes_them_away(away: object) -> None:
    assert callable(away)
    with pytest.raises(TypeError, match="secrets are not pickled"):
        away(SECRETS)


def test_json_does_not_take_them_by_mistake() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(SECRETS)


def test_longer_ones_are_masked_first() -> None:
    assert SECRETS.mask("sk-abcdef and sk-abc") == "*** and ***"
    assert Secrets().mask("sk-abc") == "sk-abc"
