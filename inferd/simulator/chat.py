"""POST /v1/chat/completions."""

from hashlib import blake2b
from typing import Annotated, Any, Literal

import msgspec

from inferd.simulator import answer_text
from inferd.simulator.answers import EVENTS, Answer, document
from inferd.simulator.bodies import read, wrong
from inferd.simulator.chunks import Choice, Completion, as_document, as_events
from inferd.simulator.faults import Fault, Memory, named
from inferd.simulator.tools import Call, NamedTool, Tool, call, chosen

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]


class Part(msgspec.Struct):
    """A part of a message; only texts are read."""

    type: str
    text: str | None = None


class Message(msgspec.Struct):
    """One message of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The texts of the message, parts joined by a space."""
        if isinstance(self.content, list):
            return " ".join(part.text for part in self.content if part.text)
        return self.content or ""


class StreamOptions(msgspec.Struct):
    """What a stream holds besides the answer."""

    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, kw_only=True):
    """What the simulator understands of a chat request; other fields are accepted and change nothing."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    seed: int | None = None

    @property
    def limit(self) -> int | None:
        """The most tokens an answer may have; a token is a chunk."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def stops(self) -> list[str]:
        """The texts an answer stops before."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in stop if text]


def answer(body: bytes, key: str, memory: Memory) -> Answer:
    """The answer to a chat request; Refused for a wrong one and for the faults its model asks for."""
    request = read(body, ChatRequest)
    fault = named(request.model, memory)
    fault.check(key)
    _check(request)
    completion = _complete(request, fault, blake2b(body, digest_size=15).hexdigest())
    if request.stream:
        include_usage = bool(request.stream_options and request.stream_options.include_usage)
        return fault.spoil(Answer(events=as_events(completion, include_usage), content_type=EVENTS))
    return fault.spoil(document(as_document(completion)))


def _check(request: ChatRequest) -> None:
    if request.stream_options and not request.stream:
        raise wrong("'stream_options' needs 'stream'.", "stream_options")
    if request.tool_choice not in (None, "none") and not request.tools:
        raise wrong("'tool_choice' needs 'tools'.", "tool_choice")
    for number, message in enumerate(request.messages):
        if message.content is None and message.role not in ("assistant", "function"):
            raise wrong("A message needs 'content'.", f"messages[{number}].content")
        if message.role == "tool" and message.tool_call_id is None:
            raise wrong("A tool message needs 'tool_call_id'.", f"messages[{number}].tool_call_id")


def _complete(request: ChatRequest, fault: Fault, digest: str) -> Completion:
    calls = _calls(request, digest)
    thoughts = answer_text.thoughts() if fault.reasoning else []
    choices = []
    for index in range(request.n or 1):
        content, finish_reason = ([], "tool_calls") if calls else _content(request, fault, index)
        choices.append(Choice(index, content, finish_reason, calls, thoughts))
    return Completion(f"chatcmpl-{digest}", request.model, choices, _usage(request, choices), fault.reasoning)


def _calls(request: ChatRequest, digest: str) -> list[Call]:
    last = request.messages[-1]
    # A tool has answered: calling it again without being forced to would never end.
    if not request.tools or (last.role != "user" and request.tool_choice in (None, "auto")):
        return []
    meant = chosen(request.tools, request.tool_choice or "auto", last.text)
    if request.parallel_tool_calls is False:
        meant = meant[:1]
    return [call(tool, last.text, digest) for tool in meant]


def _content(request: ChatRequest, fault: Fault, variant: int) -> tuple[list[str], str]:
    """The chunks of one answer and why it ended."""
    words = _words(request, fault, variant)
    if stops := request.stops:
        text = "".join(words)
        end = min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))
        words = answer_text.chunks(text[:end])
    if request.limit is not None and request.limit < len(words):
        return words[: request.limit], "length"
    return words, "stop"


def _words(request: ChatRequest, fault: Fault, variant: int) -> list[str]:
    if fault.size is not None:
        return [answer_text.filled(fault.size)]
    last = request.messages[-1]
    if last.role == "tool":
        text = answer_text.answer_after_tool(last.text, variant)
    else:
        asked = [message.text for message in request.messages if message.role == "user"]
        text = answer_text.answer_to(asked[-1] if asked else last.text, variant)
    return answer_text.chunks(text) if fault.words is None else answer_text.exactly(fault.words, text)


def _usage(request: ChatRequest, choices: list[Choice]) -> dict[str, Any]:
    """Tokens in and out; a token is a word of the messages, a chunk of the answer, a tool call."""
    asked = sum(len(message.text.split()) for message in request.messages)
    thought = sum(len(choice.thoughts) for choice in choices)
    answered = sum(len(choice.content) + len(choice.calls) for choice in choices) + thought
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": 0},
    }
