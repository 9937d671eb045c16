"""The documents of one inference."""

import msgspec

from inferd.schema.endpoint import Secrets
from inferd.schema.inference import Call, Deadline, InferenceRequest, Trace
from tests.plain_endpoints import endpoint


def test_a_deadline_says_what_is_told_when_it_is_over() -> None:
    failure = Deadline(1.0, "30s").failure("e")
    assert failure.reason == "Request timed out after [30s] for inference id [e]"
    assert failure.status == 429


def test_a_call_is_named_after_its_endpoint() -> None:
    secrets = Secrets({"api_key": "sk-1"})
    call = Call(endpoint=endpoint("e"), secrets=secrets, deadline=Deadline(1.0, "1s"), trace=Trace())
    assert call.inference_id == "e"
    assert not call.is_trial and msgspec.structs.replace(call, attempts=1).is_trial
    assert "sk-1" not in repr(call)


def test_a_plain_request_is_not_chunked() -> None:
    assert not InferenceRequest(input=["a"]).chunk
