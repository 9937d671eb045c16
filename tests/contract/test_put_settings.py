"""``put``: each setting that can be wrong, in Elasticsearch's words (elasticsearch-rest §3.3 and §3.4)."""

from typing import Any

import pytest

from tests.contract.expected import error, invalid
from tests.contract.put_body import body
from tests.served import Served


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"model_id": None}, "[service_settings] does not contain the required setting [model_id]"),
        ({"model_id": ""}, "[service_settings] Invalid value empty string. [model_id] must be a non-empty string"),
        (
            {"model_id": 123},
            "field [model_id] is not of the expected type. The value [123] cannot be converted to a [String]",
        ),
        ({"dimensions": 0}, "[service_settings] Invalid value [0]. [dimensions] must be a positive integer"),
        (
            {"dimensions": 1.5},
            "field [dimensions] is not of the expected type. The value [1.5] cannot be converted to a [Integer]",
        ),
        (
            {"dimensions": "3"},
            "field [dimensions] is not of the expected type. The value [3] cannot be converted to a [Integer]",
        ),
        (
            {"rate_limit": {"requests_per_minute": -1}},
            "[rate_limit] Invalid value [-1]. [requests_per_minute] must be a positive long",
        ),
        (
            {"rate_limit": {"requests_per_minute": "abc"}},
            "field [requests_per_minute] is not of one of the expected types. "
            "The value [abc] cannot be converted to one of [Integer, Long]",
        ),
        ({"rate_limit": {"foo": "bar"}}, "Rate limit settings contain unknown entries [{foo=bar}]"),
        (
            {"similarity": "foo"},
            "[service_settings] Invalid value [foo] received. "
            "[similarity] must be one of [cosine, dot_product, l2_norm]",
        ),
        ({"api_key": None}, "[service_settings] must have exactly one field of [api_key, client_secret] set"),
        (
            {"client_secret": "s"},
            "[service_settings] must have exactly one field of [api_key, client_secret] set, "
            "received: [api_key, client_secret]",
        ),
    ],
)
async def test_a_setting_that_is_wrong_is_named(inferd: Served, settings: dict[str, Any], problem: str) -> None:
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", body(**settings))
    assert (answer.status, answer.body) == (400, invalid(problem))


async def test_problems_are_numbered_in_their_order(inferd: Served) -> None:
    answer = await inferd.ask(
        "PUT", "/_inference/text_embedding/e", body(model_id=None, dimensions=0, max_input_tokens=-5, similarity="foo")
    )
    assert answer.body == invalid(
        "[service_settings] Invalid value [foo] received. [similarity] must be one of [cosine, dot_product, l2_norm]",
        "[service_settings] Invalid value [-5]. [max_input_tokens] must be a positive integer",
        "[service_settings] Invalid value [0]. [dimensions] must be a positive integer",
        "[service_settings] does not contain the required setting [model_id]",
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"strategy": "foo"}, error("illegal_argument_exception", "Invalid chunkingStrategy foo")),
        (
            {"strategy": "sentence", "max_chunk_size": 50, "overlap": 1},
            invalid("Sentence based chunking settings can not have the following settings: [overlap]"),
        ),
        (
            {"strategy": "sentence", "max_chunk_size": 5},
            invalid(
                "[chunking_settings] Invalid value [5.0]. [max_chunk_size] must be greater than or equal to [20.0]"
            ),
        ),
        (
            {"strategy": "word", "max_chunk_size": 100, "overlap": 60},
            invalid("[chunking_settings] Invalid value [60.0]. [overlap] must be less than or equal to [50.0]"),
        ),
    ],
)  # fmt: skip
async def test_chunking_settings_are_checked(inferd: Served, settings: object, expected: bytes) -> None:
    answer = await inferd.ask("PUT", "/_inference/text_embedding/e", body() | {"chunking_settings": settings})
    assert (answer.status, answer.body) == (400, expected)
