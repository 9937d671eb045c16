"""Which task type a PUT or ``_update`` means: the table of elasticsearch-rest §1.2, for an endpoint of completions."""

from typing import NamedTuple

from tests.contract.expected import status


class Row(NamedTuple):
    """``path`` is the URL's part before the id; ``expected`` is the refusal's body, None where it is a completion."""

    name: str
    path: str
    in_body: object
    expected: bytes | None


MISSING = status("model is missing required setting [task_type]")
NO_TASK = status("task_type [any] is not valid type for inference")
TWO = status(
    "Cannot resolve conflicting task_type parameter in the request URL [completion] "
    "and the request body [text_embedding]"
)

ROWS = [
    Row("absent, absent", "", None, MISSING),
    Row("any, absent", "any/", None, MISSING),
    Row("T, absent", "completion/", None, None),
    Row("T in capitals, absent", "COMPLETION/", None, None),
    Row("T with spaces around it, absent", "%20completion%20/", None, None),
    Row("absent, T", "", "completion", None),
    Row("any, T", "ANY/", " Completion ", None),
    Row("T, T", "completion/", "completion", None),
    Row("T1, T2", "completion/", "text_embedding", TWO),
    Row("absent, any", "", "any", NO_TASK),
    Row("T, any", "completion/", "Any", NO_TASK),
    Row("absent, garbage", "", "garbage", status("Unknown task_type [garbage]")),
    Row("T, garbage", "completion/", "garbage", status("Unknown task_type [garbage]")),
    Row("T, garbage as typed", "completion/", " Garbage", status("Unknown task_type [ Garbage]")),
    Row("T, not a string", "completion/", 7, status("Unknown task_type [7]")),
    Row("T, a map", "completion/", {"a": [None]}, status("Unknown task_type [{a=[null]}]")),
    Row("garbage, absent", "garbage/", None, status("Unknown task_type [garbage]")),
    Row("garbage, T", "Gar%20bage/", "completion", status("Unknown task_type [Gar bage]")),
    Row("empty, T", "%20/", "completion", status("Unknown task_type [ ]")),
]
