"""Which tools are called, and with what."""

import json
from typing import Any

import pytest

from inferd.simulator.answers import Refused
from inferd.simulator.tools import Function, FunctionName, NamedTool, Tool, call, chosen


def tool(name: str, parameters: dict[str, Any] | None = None) -> Tool:
    return Tool("function", Function(name, parameters=parameters))


WEATHER, PRICE = tool("get_weather"), tool("getPrice")
BOTH = [WEATHER, PRICE]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How is the Weather in Paris?", [WEATHER]),
        ("Please call GET_WEATHER.", [WEATHER]),
        ("What is the price of a scarf?", [PRICE]),
        ("weather and price", BOTH),
        ("Weathering, priceless, get", []),
        ("", []),
    ],
)
def test_a_question_speaks_of_tools(question: str, expected: list[Tool]) -> None:
    assert chosen(BOTH, "auto", question) == expected
    assert chosen(BOTH, "none", question) == []
    assert chosen(BOTH, "required", question) == (expected or [WEATHER])


def test_a_named_tool_is_called_whatever_was_asked() -> None:
    assert chosen(BOTH, NamedTool("function", FunctionName("getPrice")), "weather") == [PRICE]


@pytest.mark.parametrize("choice", ["sometimes", NamedTool("function", FunctionName("absent"))])
def test_a_choice_that_is_none_is_refused(choice: str | NamedTool) -> None:
    with pytest.raises(Refused) as refused:
        chosen(BOTH, choice, "")
    assert b'"param":"tool_choice"' in refused.value.answer.body


def arguments(parameters: dict[str, Any] | None, question: str = "How warm is it in Paris?") -> Any:
    return json.loads(call(tool("f", parameters), question, "id").arguments)


def test_arguments_follow_the_schema() -> None:
    kinds = ("string", "integer", "number", "boolean", "array", "null", "unheard", "object")
    properties: dict[str, Any] = {kind: {"type": kind} for kind in kinds}
    properties |= {
        "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
        "deep": {"type": "object", "properties": {"city": {"type": "string"}}},
        "union": {"type": ["string", "null"]},
        "untyped": {},
        "free": True,
        "empty_enum": {"enum": []},
        "deep_enum": {"enum": [[1]], "type": "integer"},
    }
    assert arguments({"type": "object", "properties": properties}) == {
        "string": "Paris", "integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None,
        "unheard": "Paris", "object": {}, "unit": "celsius", "deep": {"city": "Paris"}, "union": "Paris",
        "untyped": "Paris", "free": "Paris", "empty_enum": "Paris", "deep_enum": 1,
    }  # fmt: skip


@pytest.mark.parametrize("parameters", [None, {}, {"properties": 1}, {"type": "object"}])
def test_without_properties_there_are_no_arguments(parameters: dict[str, Any] | None) -> None:
    assert arguments(parameters) == {}


def test_a_schema_without_end_has_one() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(500):
        schema = {"type": "object", "properties": {"a": schema}}
    assert json.dumps(arguments(schema)).count('"a"') == 9


def test_a_question_without_words_still_gives_an_argument() -> None:
    assert arguments({"properties": {"a": {}}}, "?!") == {"a": "something"}


def test_calls_are_the_same_for_the_same_request() -> None:
    assert call(WEATHER, "q", "1") == call(WEATHER, "q", "1") != call(WEATHER, "q", "2")
    assert call(WEATHER, "q", "1").id.startswith("call_")
