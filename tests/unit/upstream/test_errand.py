"""The failures an errand can end in without a refusal."""

import pytest

from inferd.errors import RequestTimedOut, StatusFailure, UpstreamUnreachable
from inferd.upstream.client import Broken, HostUnknown, Refused, Trouble, Unreachable, Untrusted
from tests.unit.upstream.pretended import errand


@pytest.mark.parametrize(
    ("trouble", "kind", "status", "reason"),
    [
        (
            HostUnknown(),
            UpstreamUnreachable,
            400,
            "Invalid host [http://a.example/***], please check that the URL is correct.",
        ),
        (
            Unreachable("Connection refused"),
            UpstreamUnreachable,
            502,
            "Failed to send OpenAI embeddings request. Cause: Connection refused",
        ),
        (Refused("no way"), StatusFailure, 400, "Failed to send OpenAI embeddings request. Cause: no way"),
        (Untrusted("expired"), StatusFailure, 502, "Failed to send OpenAI embeddings request. Cause: expired"),
        (Broken("broke off"), StatusFailure, 502, "Failed to send OpenAI embeddings request. Cause: broke off"),
    ],
)
async def test_each_trouble_has_its_words_and_its_status(
    trouble: Trouble, kind: type[StatusFailure], status: int, reason: str
) -> None:
    failure = errand().unanswered(trouble)
    assert (type(failure), failure.status, failure.reason) == (kind, status, reason)


async def test_a_cause_is_told_in_the_frame_of_what_was_sent() -> None:
    failure = errand().failed("silence", 504)
    assert (failure.status, failure.reason) == (504, "Failed to send OpenAI embeddings request. Cause: silence")


async def test_a_time_that_is_over_names_the_endpoint() -> None:
    failure = errand(within=1.5).timed_out()
    assert isinstance(failure, RequestTimedOut)
    assert failure.reason == "Request timed out after [1.5s] for inference id [e]"
