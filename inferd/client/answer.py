"""One answer of a chat as it comes in: shown piece by piece, and kept whole for the conversation."""

import msgspec

from inferd.client.failures import ClientFailure
from inferd.client.terminal import note, say, say_dimmed


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCallDelta(msgspec.Struct):
    index: int = 0
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class _Chunk(msgspec.Struct):
    """A ``chat.completion.chunk``, as far as a terminal needs it."""

    choices: list[_Choice]
    usage: _Usage | None = None


class Answer:
    """Takes the chunks of one answer and shows them; ``text`` is what was said so far, without reasoning.

    The caller ends it with ``finish``, after an interruption or a failure with ``break_off``.
    """

    def __init__(self, *, reasoning: bool) -> None:
        self.text = ""
        self._shows_reasoning = reasoning
        self._line_open = False
        self._reasoned = False
        self._calls: dict[int, tuple[str, str]] = {}
        self._usage: _Usage | None = None
        self._finish_reason: str | None = None

    def take(self, data: str) -> None:
        """Shows the chunk in an event's data; ClientFailure if it is none."""
        try:
            chunk = msgspec.json.decode(data, type=_Chunk)
        except msgspec.DecodeError as error:
            raise ClientFailure(f"the stream holds something that is no chunk of a chat: {error}") from None
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices:
            self._finish_reason = choice.finish_reason or self._finish_reason
            self._reason(choice.delta.reasoning)
            self._speak(choice.delta.content or choice.delta.refusal)
            for call in choice.delta.tool_calls or []:
                self._collect(call)

    def finish(self, *, usage: bool) -> None:
        """Ends the last line and tells what comes at the end: tool calls, an early end, the ``usage``."""
        self.break_off()
        for name, arguments in self._calls.values():
            say(f"tool call: {name}({arguments})\n")
        if self._finish_reason not in (None, "stop", "tool_calls"):
            note(f"the model stopped early: {self._finish_reason}")
        if usage and self._usage is not None:
            spent = self._usage
            note(f"{spent.prompt_tokens} prompt + {spent.completion_tokens} answer = {spent.total_tokens} tokens")

    def break_off(self) -> None:
        """Ends the line that is being written, so that what follows has its own."""
        if self._line_open:
            say("\n")
            self._line_open = False

    def _reason(self, text: str | None) -> None:
        if text and self._shows_reasoning:
            say_dimmed(text)
            self._reasoned = True
            self._line_open = not text.endswith("\n")

    def _speak(self, text: str | None) -> None:
        if not text:
            return
        if self._reasoned:
            self.break_off()
            self._reasoned = False
        say(text)
        self.text += text
        self._line_open = not text.endswith("\n")

    def _collect(self, call: _ToolCallDelta) -> None:
        """Adds a piece of a tool call: its name comes once, its arguments in any number of pieces."""
        if call.function is not None:
            name, arguments = self._calls.get(call.index, ("", ""))
            self._calls[call.index] = (name + (call.function.name or ""), arguments + (call.function.arguments or ""))
