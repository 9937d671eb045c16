"""The unified chat: the request Elasticsearch accepts and the chunks it sends, member for member in its order.

Elasticsearch's UnifiedCompletionRequestBody and ChatCompletionChunk. The same message and tool types go to the
upstream: a field left out by the client is left out there too. What types cannot say is checked when an object is
made: msgspec tells the ValueError of a rule with the path of the object that broke it.
"""

from types import NoneType
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inferd.schema.chat_rules import EFFORTS, check_reasoning_detail, check_span, one_of, require_only

Long = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True, gc=False):
    """A part of the request: an unknown key is an error, an absent one stays absent."""


class ImageUrl(Strict):
    """Where an image is, or the image itself as a data URI."""

    url: str
    detail: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.detail is not UNSET:
            self.detail = one_of(self.detail, ("auto", "low", "high"), "detail", "image_url")


class File(Strict):
    """A file within a message."""

    file_data: str
    filename: str


class ContentPart(Strict, kw_only=True):
    """A part of a message: ``type`` names the one other member that is given, and is written last."""

    text: str | UnsetType = UNSET
    image_url: ImageUrl | UnsetType = UNSET
    file: File | UnsetType = UNSET
    type: str

    def __post_init__(self) -> None:
        self.type = one_of(self.type, ("text", "image_url", "file"), "type", "content")
        given = {"text": self.text, "image_url": self.image_url, "file": self.file}
        require_only(self.type, {name for name, value in given.items() if value is not UNSET}, "content")


class CalledFunction(Strict):
    """What a model wants called, with its arguments as JSON text."""

    arguments: str
    name: str


class ToolCall(Strict):
    """A tool call of an earlier answer."""

    id: str
    function: CalledFunction
    type: str


class Message(Strict, kw_only=True):
    """One message of the conversation."""

    content: str | list[ContentPart] | UnsetType = UNSET
    role: str
    tool_call_id: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    reasoning_details: list[dict[str, Any]] | UnsetType = UNSET

    def __post_init__(self) -> None:
        for detail in self.reasoning_details or ():
            check_reasoning_detail(detail)


class ToolFunction(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A function a model may call; ``description`` and ``parameters`` go upstream as null when absent (Tool.java)."""

    description: str | None = None
    name: str
    parameters: dict[str, Any] | None = None
    strict: bool | UnsetType = UNSET


class Tool(Strict):
    """A tool a model may use."""

    type: str
    function: ToolFunction


class ChosenFunction(Strict):
    """The function a model must call."""

    name: str


class ToolChoice(Strict):
    """The tool a model must use."""

    type: str
    function: ChosenFunction


class Reasoning(Strict):
    """How much a model may think; only ``effort`` goes to openai."""

    effort: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    exclude: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.effort is not UNSET:
            self.effort = one_of(self.effort, EFFORTS, "effort", "reasoning")
        elif self.enabled is UNSET:
            raise ValueError("Required one of fields [effort, enabled], but none were specified.")
        elif not self.enabled:
            raise ValueError("When [enabled] is false, [effort] must be specified.")


class CacheControl(Strict):
    """Accepted, and not sent to openai."""

    type: str | UnsetType = UNSET
    ttl: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.ttl is not UNSET:
            check_span(self.ttl, "ttl")


class ChatCompletionRequest(Strict):
    """The body of ``_unified``: strict, so nothing passes through unseen (no ``n``, ``stream``, ``max_tokens`` …)."""

    messages: list[Message]
    model: str | UnsetType = UNSET
    max_completion_tokens: Long | UnsetType = UNSET
    stop: list[str] | str | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    tool_choice: ToolChoice | str | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    cache_control: CacheControl | UnsetType = UNSET
    session_id: str | UnsetType = UNSET


class FunctionDelta(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A piece of a function call."""

    arguments: str | None = None
    name: str | None = None


class ToolCallDelta(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A piece of a tool call; ``type`` is written even when null, as in Elasticsearch."""

    index: int
    id: str | None = None
    function: FunctionDelta | None = None
    # What is made anew for each object is written even so.
    type: str | None = msgspec.field(default_factory=NoneType)


class Delta(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What one chunk adds to the answer; ``reasoning_content`` is some servers' word for ``reasoning``."""

    content: str | None = None
    refusal: str | None = None
    role: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    reasoning_details: list[Any] | None = None
    reasoning_content: str | None = None

    def normalise(self) -> None:
        """Brings ``reasoning`` to its one name, and makes empty lists absent.

        You call it before it is sent on, unless the last three members are None, as they nearly always are.
        """
        if self.reasoning is None:
            self.reasoning = self.reasoning_content
        self.reasoning_content = None
        self.tool_calls = self.tool_calls or None
        self.reasoning_details = self.reasoning_details or None


class Choice(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One of the answers a chunk belongs to."""

    delta: Delta
    finish_reason: str | None = None
    index: int


class PromptTokensDetails(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """How many prompt tokens came from, or went to, the provider's cache."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionTokensDetails(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """How many tokens were spent on thinking."""

    reasoning_tokens: int | None = None


_NO_PROMPT_DETAILS, _NO_COMPLETION_DETAILS = PromptTokensDetails(), CompletionTokensDetails()


class Usage(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What the chat cost, in tokens; details that hold none are dropped."""

    completion_tokens: int
    prompt_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None

    def __post_init__(self) -> None:
        if self.prompt_tokens_details == _NO_PROMPT_DETAILS:
            self.prompt_tokens_details = None
        if self.completion_tokens_details == _NO_COMPLETION_DETAILS:
            self.completion_tokens_details = None


class Chunk(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One ``chat.completion.chunk``; decoded from the upstream it drops what Elasticsearch drops, and what is null."""

    id: str
    choices: list[Choice]
    # Made anew, so that they are written even when they are empty.
    model: str | None = msgspec.field(default_factory=str)
    object: str | None = msgspec.field(default_factory=str)
    usage: Usage | None = None

    def normalise(self) -> None:
        """Makes the names empty that the upstream wrote as null: you call it then, before the chunk is sent on."""
        self.model = self.model or ""
        self.object = self.object or ""
