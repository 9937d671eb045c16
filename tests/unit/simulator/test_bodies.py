"""Bodies read as typed values, and the refusals of those that are wrong."""

import json
from typing import Any, Literal

import msgspec
import pytest

from inferd.simulator.answers import Refused
from inferd.simulator.bodies import read, wrong


class Inner(msgspec.Struct):
    role: Literal["a", "b"]


class Outer(msgspec.Struct):
    items: list[Inner]
    size: int = 0
    more: Any = None


def refusal(body: bytes) -> dict[str, Any]:
    with pytest.raises(Refused) as refused:
        read(body, Outer)
    assert refused.value.answer.status == 400
    error: dict[str, Any] = json.loads(refused.value.answer.body)["error"]
    assert error["type"] == "invalid_request_error"
    return error


def test_a_right_body_is_read_and_unknown_fields_are_ignored() -> None:
    assert read(b'{"items":[{"role":"a"}],"unknown":1}', Outer) == Outer([Inner("a")])


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b'{"items":[{"role":"a"},{"role":"c"}]}', "items[1].role", "invalid_type"),
        (b'{"items":[],"size":"1"}', "size", "invalid_type"),
        (b'{"items":[{}]}', "items[0].role", "missing_required_parameter"),
        (b"{}", "items", "missing_required_parameter"),
        (b"[]", None, "invalid_type"),
    ],
)
def test_a_wrong_field_is_named(body: bytes, param: str | None, code: str) -> None:
    error = refusal(body)
    assert (error["param"], error["code"]) == (param, code)
    assert error["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"items":[],"more":"\xff"}', b'{"items":[],"more":' + b"[" * 100_000, b'{"more":"\\ud800"}']
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert "JSON" in refusal(body)["message"]


def test_a_wrong_value_is_told_with_its_param() -> None:
    error = json.loads(wrong("no", "stop", "c").answer.body)["error"]
    assert (error["message"], error["param"], error["code"]) == ("no", "stop", "c")
