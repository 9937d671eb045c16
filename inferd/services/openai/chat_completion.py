"""The ``chat_completion`` task: the unified request in OpenAI's words, and its chunks as they come."""

import msgspec
from msgspec import UNSET, UnsetType

from inferd.errors import StatusFailure
from inferd.schema.chat_completion import ChatCompletionRequest, Chunk, Message, Tool, ToolChoice
from inferd.services.openai.completion import StreamOptions
from inferd.services.openai.events import EventReader, values
from inferd.services.openai.settings import OpenAISettings


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """Members in the order of OpenAiUnifiedChatCompletionRequestEntity; absent ones stay absent."""

    messages: list[Message]
    stop: list[str] | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    tool_choice: ToolChoice | str | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    max_completion_tokens: int | UnsetType = UNSET
    model: str
    n: int = 1
    stream: bool = True
    stream_options: StreamOptions = StreamOptions()
    user: str | UnsetType = UNSET
    reasoning_effort: str | UnsetType = UNSET


_ENCODER = msgspec.json.Encoder()
_CHUNK = msgspec.json.Decoder(Chunk)


def body(settings: OpenAISettings, request: ChatCompletionRequest, user: str | None) -> bytes:
    """The upstream's request body; StatusFailure 400 for reasoning that openai cannot be told."""
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    return _ENCODER.encode(
        _Body(
            messages=request.messages,
            stop=stop or UNSET,
            temperature=request.temperature,
            tool_choice=request.tool_choice,
            tools=request.tools or UNSET,
            top_p=request.top_p,
            max_completion_tokens=request.max_completion_tokens,
            model=settings.model_id if request.model is UNSET else request.model,
            user=user or UNSET,
            reasoning_effort=_reasoning_effort(request),
        )
    )


class ChunkReader(EventReader[Chunk]):
    """Reads the chunks of a stream, every one of them."""

    def items(self, data: bytes) -> list[Chunk]:
        """See EventReader."""
        return self._noted([_CHUNK.decode(data)])

    def many(self, lines: bytes, count: int) -> list[Chunk] | None:
        """See EventReader."""
        chunks = values(_CHUNK, lines, count)
        return None if chunks is None else self._noted(chunks)

    def _noted(self, chunks: list[Chunk]) -> list[Chunk]:
        for chunk in chunks:
            chunk.normalise()
            for choice in chunk.choices:
                if choice.finish_reason:
                    self.finished = True
            if chunk.usage:
                self.call.trace.input_tokens += chunk.usage.prompt_tokens
                self.call.trace.output_tokens += chunk.usage.completion_tokens
        return chunks


def _reasoning_effort(request: ChatCompletionRequest) -> str | UnsetType:
    if request.reasoning is UNSET:
        return UNSET
    if request.reasoning.effort is UNSET:
        raise StatusFailure("OpenAI chat completion requires [reasoning.effort] to map to [reasoning_effort]")
    return request.reasoning.effort
