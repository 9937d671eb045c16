"""Token counts from upstreams that count in their own ways."""

import pytest

from inferd.schema.inference import Trace
from inferd.services.openai.usage import MOST, count, note


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, (13, 24)),
        ({"prompt_tokens": 3, "total_tokens": 3}, (13, 20)),
        ({"prompt_tokens": None, "completion_tokens": "4"}, (10, 20)),
        ({"prompt_tokens": -1, "completion_tokens": 1.5}, (10, 20)),
        ({"prompt_tokens": 10**400, "completion_tokens": MOST + 1}, (10, 20)),
        (None, (10, 20)),
        ([], (10, 20)),
    ],
)
def test_what_is_a_number_of_tokens_is_added(usage: object, tokens: tuple[int, int]) -> None:
    trace = Trace(input_tokens=10, output_tokens=20)
    count(trace, usage)
    assert (trace.input_tokens, trace.output_tokens) == tokens


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 11, "completion_tokens": 21}, (11, 21)),
        ({"prompt_tokens": 10, "completion_tokens": -1}, (10, 20)),
        ({"prompt_tokens": 0, "completion_tokens": 10**400}, (10, 20)),
        ([], (10, 20)),
    ],
)
def test_of_what_a_stream_says_of_its_tokens_the_last_counts(usage: object, tokens: tuple[int, int]) -> None:
    trace = Trace(input_tokens=10, output_tokens=20)
    note(trace, usage)
    assert (trace.input_tokens, trace.output_tokens) == tokens
