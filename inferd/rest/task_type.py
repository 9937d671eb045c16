"""Which task type a PUT or ``_update`` means: the URL's, the body's, or neither (Elasticsearch's ServiceUtils)."""

from inferd.errors import Document, StatusFailure
from inferd.schema.endpoint import TaskType
from inferd.xcontent import java_text


def resolve(in_url: TaskType, body: Document) -> TaskType:
    """The task type, taken out of ``body``; StatusFailure 400 if there is none, or two that differ."""
    given = body.pop("task_type", None)
    if given is None:
        if in_url is TaskType.ANY:
            raise StatusFailure("model is missing required setting [task_type]")
        return in_url
    in_body = TaskType.parse(java_text(given))
    if in_body is TaskType.ANY:
        raise StatusFailure("task_type [any] is not valid type for inference")
    if in_url not in (TaskType.ANY, in_body):
        raise StatusFailure(
            f"Cannot resolve conflicting task_type parameter in the request URL [{in_url}] "
            f"and the request body [{in_body}]"
        )
    return in_body


def check_requested(requested: TaskType, actual: TaskType) -> None:
    """StatusFailure 400 if GET or DELETE names another task type than the endpoint has."""
    if requested not in (TaskType.ANY, actual):
        raise StatusFailure(
            f"Requested task type [{requested}] does not match the inference endpoint's task type [{actual}]"
        )
