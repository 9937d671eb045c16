"""Which tools the simulator calls, and with what arguments."""

import re
from hashlib import blake2b
from typing import Any

import msgspec

from inferd.simulator.bodies import wrong

# A schema that refers to itself, or merely nests without end, must not.
_MAX_DEPTH = 8
_LETTERS = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Function(msgspec.Struct):
    """What the client says of a function: ``parameters`` is its JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """A tool the model may call."""

    type: str
    function: Function


class FunctionName(msgspec.Struct):
    """A function meant by its name."""

    name: str


class NamedTool(msgspec.Struct):
    """The tool the model must call."""

    type: str
    function: FunctionName


class Call(msgspec.Struct):
    """A call the simulator makes; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


def chosen(tools: list[Tool], choice: str | NamedTool, question: str) -> list[Tool]:
    """The tools to call: the one that ``choice`` names, or those that ``question`` speaks of.

    A question speaks of a tool if it holds the tool's name or a part of that with more than three letters:
    "weather" calls ``get_weather`` and ``getWeather``. "required" calls the first tool where it speaks of none.
    """
    if isinstance(choice, NamedTool):
        return [_by_name(tools, choice.function.name)]
    if choice not in ("none", "auto", "required"):
        raise wrong("Invalid value for 'tool_choice'.", "tool_choice", "invalid_value")
    if choice == "none":
        return []
    meant = [tool for tool in tools if _speaks_of(question, tool.function.name)]
    return meant or (tools[:1] if choice == "required" else [])


def call(tool: Tool, question: str, request_id: str) -> Call:
    """The call of ``tool``: an argument for each property of its schema, texts from the end of the question."""
    name = tool.function.name
    arguments = _sample(tool.function.parameters or {}, _last_word(question), 0)
    digest = blake2b(f"{request_id} {name}".encode(), digest_size=12).hexdigest()
    return Call(id=f"call_{digest}", name=name, arguments=msgspec.json.encode(arguments).decode())


def _by_name(tools: list[Tool], name: str) -> Tool:
    for tool in tools:
        if tool.function.name == name:
            return tool
    raise wrong(f"Tool choice '{name}' is not among 'tools'.", "tool_choice", "invalid_value")


def _speaks_of(question: str, name: str) -> bool:
    words = set(_LETTERS.findall(question.lower()))
    parts = [part.lower() for piece in _LETTERS.findall(name) for part in _CAMEL.split(piece)]
    return name.lower() in question.lower() or any(len(part) > 3 and part in words for part in parts)


def _last_word(question: str) -> str:
    words: list[str] = _LETTERS.findall(question)
    return words[-1] if words else "something"


_VALUES: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}


def _sample(schema: Any, text: str, depth: int) -> Any:
    """A value that fits the simple parts of ``schema``: ``enum``, ``type`` and ``properties``."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return text
    # Only a plain option: one that nests as deep as the request could not be encoded again.
    if isinstance(options := schema.get("enum"), list) and options and isinstance(options[0], str | int | float):
        return options[0]
    kind = schema.get("type", "object" if depth == 0 else "string")
    if kind == "object":
        properties = schema.get("properties")
        items = properties.items() if isinstance(properties, dict) else ()
        return {name: _sample(part, text, depth + 1) for name, part in items}
    return _VALUES.get(kind, text) if isinstance(kind, str) else text
