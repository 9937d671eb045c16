"""The task type of the path, and that of the body."""

import pytest

from inferd.errors import StatusFailure
from inferd.rest.task_type import check_requested, resolve
from inferd.schema.endpoint import TaskType

ANY, CHAT, COMPLETION = TaskType.ANY, TaskType.CHAT_COMPLETION, TaskType.COMPLETION
CONFLICT = (
    "Cannot resolve conflicting task_type parameter in the request URL [completion] "
    "and the request body [chat_completion]"
)


@pytest.mark.parametrize(
    ("in_url", "in_body", "meant"),
    [
        (COMPLETION, None, COMPLETION),
        (COMPLETION, " Completion ", COMPLETION),
        (ANY, "chat_completion", CHAT),
        (ANY, None, "model is missing required setting [task_type]"),
        (ANY, "any", "task_type [any] is not valid type for inference"),
        (COMPLETION, "any", "task_type [any] is not valid type for inference"),
        (COMPLETION, "chat_completion", CONFLICT),
        (COMPLETION, "foo", "Unknown task_type [foo]"),
        (COMPLETION, ["x"], "Unknown task_type [[x]]"),
    ],
)
def test_what_is_meant(in_url: TaskType, in_body: object, meant: str) -> None:
    body = {"a": 1} | ({"task_type": in_body} if in_body is not None else {})
    if isinstance(meant, TaskType):
        assert resolve(in_url, body) is meant
        assert body == {"a": 1}
        return
    with pytest.raises(StatusFailure) as raised:
        resolve(in_url, body)
    assert (raised.value.status, raised.value.reason) == (400, meant)


def test_what_is_asked_for_must_be_what_is_there() -> None:
    check_requested(ANY, CHAT)
    check_requested(CHAT, CHAT)
    with pytest.raises(StatusFailure) as raised:
        check_requested(COMPLETION, CHAT)
    assert raised.value.reason == (
        "Requested task type [completion] does not match the inference endpoint's task type [chat_completion]"
    )
