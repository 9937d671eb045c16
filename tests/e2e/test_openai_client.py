"""The official OpenAI client against the simulator: what it cannot read is not OpenAI's API."""

from collections.abc import AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from inferd.simulator import Simulator

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
        },
    }
]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="any", base_url=simulator.base_url, max_retries=0, timeout=5) as client:
        yield client


async def test_chat(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert "What is the weather in Paris?" in (completion.choices[0].message.content or "")
    assert completion.system_fingerprint == "fp_inferd_simulator"
    assert completion.usage and completion.usage.prompt_tokens == 6


async def test_chat_stream(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    plain = await client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage == plain.usage and not chunks[-1].choices
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_tools(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="gpt-4o", messages=QUESTION, tools=TOOLS) as stream:
        async for _ in stream:
            pass
        message = (await stream.get_final_completion()).choices[0].message
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"location":"Paris"}')
    answered: list[ChatCompletionMessageParam] = [
        *QUESTION,
        {
            "role": "assistant",
            "tool_calls": [
                {"id": call.id, "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    completion = await client.chat.completions.create(model="gpt-4o", messages=answered, tools=TOOLS)
    assert completion.choices[0].finish_reason == "stop"
    assert "21 degrees" in (completion.choices[0].message.content or "")


async def test_embeddings(client: AsyncOpenAI) -> None:
    # Without a format the client itself asks for base64.
    coded = await client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    plain = await client.embeddings.create(
        model="text-embedding-3-small", input=["one", "two"], encoding_format="float"
    )
    assert [item.embedding for item in coded.data] == [item.embedding for item in plain.data]
    short = await client.embeddings.create(model="text-embedding-3-large", input=[1, 2, 3], dimensions=256)
    assert [len(item.embedding) for item in (*plain.data, *short.data)] == [1536, 1536, 256]


async def test_models(client: AsyncOpenAI) -> None:
    names = {model.id async for model in client.models.list()}
    assert {"gpt-4o", "sim-429"} < names
    assert (await client.models.retrieve("gpt-4o")).owned_by == "inferd-simulator"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("sim-400", openai.BadRequestError),
        ("sim-401", openai.AuthenticationError),
        ("sim-403", openai.PermissionDeniedError),
        ("sim-404", openai.NotFoundError),
        ("sim-422", openai.UnprocessableEntityError),
        ("sim-429", openai.RateLimitError),
        ("sim-500", openai.InternalServerError),
        ("sim-html", openai.InternalServerError),
        ("sim-reset", openai.APIConnectionError),
        ("sim-close", openai.APIConnectionError),
        ("sim-cut", openai.APIError),
    ],
)
async def test_faults_are_errors_of_the_client(
    client: AsyncOpenAI, model: str, error: type[openai.OpenAIError]
) -> None:
    with pytest.raises(error):
        await client.chat.completions.create(model=model, messages=QUESTION)
    with pytest.raises(error):
        await client.embeddings.create(model=model, input="text")


async def test_a_stalled_answer_times_out(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        await client.embeddings.create(model="sim-stall", input="text", timeout=0.05)


async def test_an_error_in_mid_stream(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="sim-error-event", messages=QUESTION, stream=True)
    with pytest.raises(openai.APIError, match="failed while it was answering"):
        async for _ in stream:
            pass


@pytest.mark.parametrize("fault", ["sim-comments", "sim-crlf", "sim-drip", "sim-no-done", "sim-null-content"])
async def test_streams_that_are_odd_but_right(client: AsyncOpenAI, fault: str) -> None:
    stream = await client.chat.completions.create(model=f"{fault}+sim-words-9", messages=QUESTION, stream=True)
    words = [chunk.choices[0].delta.content async for chunk in stream]
    assert len([word for word in words if word]) == 9


async def test_the_client_retries_what_strikes_once(simulator: Simulator) -> None:
    async with AsyncOpenAI(api_key="any", base_url=simulator.base_url, max_retries=1) as client:
        completion = await client.chat.completions.create(model="sim-503-once", messages=QUESTION)
    assert completion.choices and simulator.requests == 2


async def test_a_wrong_key(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        await client.with_options(api_key="sim-invalid").models.list()
