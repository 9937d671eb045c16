"""The ``chat_completion`` task: the unified request in OpenAI's words, and its chunks as they come."""

import msgspec
from msgspec import UNSET, UnsetType

from inferd.errors import StatusFailure
from inferd.schema.chat_completion import ChatCompletionRequest, Chunk, Message, Tool, ToolChoice
from inferd.services.openai import usage
from inferd.services.openai.completion import StreamOptions
from inferd.services.openai.events import EventReader
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


class ChunkReader(EventReader[Chunk, Chunk]):
    """Reads the chunks of a stream, every one of them."""

    decoder = msgspec.json.Decoder(Chunk)

    def items(self, chunks: list[Chunk]) -> list[Chunk]:
        """See EventReader."""
        for chunk in chunks:
            if chunk.model is None or chunk.object is None:
                chunk.normalise()
            if chunk.usage is not None:
                usage.note(self.call.trace, msgspec.structs.asdict(chunk.usage))
            for choice in chunk.choices:
                if choice.finish_reason:
                    self.finished = True
                delta = choice.delta
                if (
                    delta.reasoning_content is not None
                    or delta.tool_calls is not None
                    or delta.reasoning_details is not None
                ):
                    delta.normalise()
        return chunks


def _reasoning_effort(request: ChatCompletionRequest) -> str | UnsetType:
    if request.reasoning is UNSET:
        return UNSET
    if request.reasoning.effort is UNSET:
        raise StatusFailure("OpenAI chat completion requires [reasoning.effort] to map to [reasoning_effort]")
    return request.reasoning.effort
