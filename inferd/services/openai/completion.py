"""The ``completion`` task: one text as a chat of one message, its answer whole or as pieces of text."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from inferd.errors import IllegalArgument, StatusFailure
from inferd.schema.inference import Call, Completions
from inferd.services.openai import usage
from inferd.services.openai.events import EventReader
from inferd.services.openai.settings import OpenAISettings


class _Message(msgspec.Struct, frozen=True):
    content: str
    role: str = "user"


class StreamOptions(msgspec.Struct, frozen=True):
    """Asks for the tokens used, in a chunk of their own at the end."""

    include_usage: bool = True


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """Members in the order of OpenAiUnifiedChatCompletionRequestEntity."""

    messages: list[_Message]
    model: str
    n: int = 1
    stream: bool
    stream_options: StreamOptions | UnsetType = UNSET
    user: str | UnsetType = UNSET


class _AnswerMessage(msgspec.Struct, frozen=True):
    content: str


class _AnswerChoice(msgspec.Struct, frozen=True):
    message: _AnswerMessage


class _Answer(msgspec.Struct, frozen=True):
    choices: list[_AnswerChoice]
    usage: Any = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice]
    usage: Any = None


_ENCODER = msgspec.json.Encoder()
_ANSWER = msgspec.json.Decoder(_Answer)


def body(settings: OpenAISettings, texts: list[str], user: str | None, *, stream: bool) -> bytes:
    """The upstream's request body; IllegalArgument for more than one text (SingleInputSenderExecutableAction)."""
    if len(texts) != 1:
        raise IllegalArgument("OpenAI chat completions only accepts 1 input")
    return _ENCODER.encode(
        _Body(
            messages=[_Message(texts[0])],
            model=settings.model_id,
            stream=stream,
            stream_options=StreamOptions() if stream else UNSET,
            user=user or UNSET,
        )
    )


def results(call: Call, raw: bytes) -> Completions:
    """The texts in a whole answer; StatusFailure 502 where it is none."""
    try:
        answer = _ANSWER.decode(raw)
    except (ValueError, RecursionError) as problem:
        told = problem if isinstance(problem, ValueError) else "nested too deeply"
        raise StatusFailure(f"Failed to send OpenAI chat completions request. Cause: {told}", 502) from None
    usage.count(call.trace, answer.usage)
    return Completions([choice.message.content for choice in answer.choices])


class TextReader(EventReader[_Chunk, str]):
    """Reads the pieces of text in a stream; null and empty ones, roles and usage give none."""

    decoder = msgspec.json.Decoder(_Chunk)

    def items(self, chunks: list[_Chunk]) -> list[str]:
        """See EventReader."""
        texts = []
        for chunk in chunks:
            if chunk.usage is not None:
                usage.note(self.call.trace, chunk.usage)
            for choice in chunk.choices:
                if choice.finish_reason:
                    self.finished = True
                if choice.delta is not None and choice.delta.content:
                    texts.append(choice.delta.content)
        return texts
