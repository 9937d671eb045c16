"""The ``text_embedding`` and ``embedding`` tasks: texts out, one vector for each of them back, in order, unrounded."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from inferd.aside import Aside
from inferd.errors import StatusFailure, UpstreamRefusal
from inferd.schema.inference import Call
from inferd.services.openai.embeddings_answer import read, read_in_steps
from inferd.services.openai.errands import settings_of
from inferd.services.openai.refusal import ENCODING, is_too_large
from inferd.services.openai.settings import OpenAISettings
from inferd.services.openai.truncation import halved, limited
from inferd.services.openai.usage import count
from inferd.services.openai.vectors import must_load, vector_text
from inferd.steps import LONG, joined, list_parts, text_as_json
from inferd.upstream.retry import ATTEMPTS

# OpenAI takes no more inputs in one request (OpenAiServiceFields.EMBEDDING_MAX_BATCH_SIZE).
MAX_INPUTS = 2048

# Requests of one caller on their way at once: enough to hide the upstream's latency, too few to crowd out others.
MAX_AT_ONCE = 4

# How often the texts of one request are halved at most.
MAX_HALVINGS = 2

# Bytes of an answer that take about a millisecond to read, most of it spent on vectors: with more, it is read aside.
LONG_ANSWER = 144 * 1024

# Vectors turned to text in one step beside the loop: some milliseconds, after which others have their turn.
VECTORS_A_STEP = 64

# Endpoints remembered for wanting arrays; one forgotten costs a refused request.
MAX_REMEMBERED = 10_000

_ENCODER = msgspec.json.Encoder()

Send = Callable[[Call, bytes], Awaitable[bytes]]


class _Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Members in the order of OpenAiEmbeddingsRequestEntity."""

    input: Sequence[str]
    model: str
    user: str | None = None
    dimensions: int | None = None
    encoding_format: str | None = None


class EmbeddingsTask:
    """Embeds texts through ``send``, which takes a call and a body and gives the body of the answer.

    Long answers are read in ``aside``.
    It remembers which endpoints' upstreams refuse ``encoding_format``, and asks those for arrays as long as they have
    the same URL and model.
    """

    def __init__(self, send: Send, aside: Aside) -> None:
        self._send = send
        self._aside = aside
        self._want_arrays: OrderedDict[str, tuple[str | None, str]] = OrderedDict()

    def vectors(self, call: Call, texts: Sequence[str], user: str | None) -> Awaitable[list[msgspec.Raw]]:
        """The vector of every text. More than MAX_INPUTS are sent in several requests, each taking its own place."""
        if len(texts) <= MAX_INPUTS:
            return self._batch(call, texts, user)
        return self._batches(call, texts, user)

    async def _batches(self, call: Call, texts: Sequence[str], user: str | None) -> list[msgspec.Raw]:
        starts = iter(range(0, len(texts), MAX_INPUTS))
        found: dict[int, list[msgspec.Raw]] = {}

        async def work() -> None:
            # A worker that fails begins no other request, so none is paid for that nobody will see the answer of.
            for start in starts:
                found[start] = await self._batch(call, texts[start : start + MAX_INPUTS], user)

        workers = [asyncio.create_task(work()) for _ in range(MAX_AT_ONCE)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return [vector for start in sorted(found) for vector in found[start]]

    async def _batch(self, call: Call, texts: Sequence[str], user: str | None) -> list[msgspec.Raw]:
        settings = settings_of(call)
        raw = await self._answer(
            call,
            _Body(
                input=limited(texts, settings.max_input_tokens),
                model=settings.model_id,
                user=user,
                dimensions=settings.dimensions if settings.dimensions_set_by_user else None,
                encoding_format=None if self._want_arrays.get(call.inference_id) == _place(settings) else "base64",
            ),
        )
        try:
            long = len(raw) > LONG_ANSWER
            answer = await self._aside.run(read_in_steps, raw) if long else read(raw)
            count(call.trace, answer.usage)
            embeddings = answer.embeddings(len(texts))
            if not long and not must_load(embeddings):
                return _texts(embeddings)
            return await self._texts_aside(embeddings)
        except (ValueError, RecursionError) as problem:
            told = problem if isinstance(problem, ValueError) else "nested too deeply"
            raise StatusFailure(f"Failed to send OpenAI embeddings request. Cause: {told}", 502) from None

    async def _answer(self, call: Call, body: _Body) -> bytes:
        """The answer to ``body``, or to what is left of it where it is too large or asks for what is not known.

        Shorter texts are sent at once, as a request of its own with its own attempts: nothing is gained by waiting.
        """
        asked, halvings = body, 0
        while True:
            short = sum(map(len, asked.input)) <= LONG
            encoded = _ENCODER.encode(asked) if short else await self._aside.run(_encoded_in_steps, asked)
            try:
                raw = await self._send(call, encoded)
            except UpstreamRefusal as refusal:
                if asked.encoding_format is not None and _refuses_base64(refusal):
                    asked = msgspec.structs.replace(asked, encoding_format=None)
                    continue
                texts = halved(asked.input)
                most = min(MAX_HALVINGS, (call.attempts or ATTEMPTS) - 1)
                if halvings == most or not is_too_large(refusal) or texts == asked.input:
                    raise
                halvings += 1
                asked = msgspec.structs.replace(asked, input=texts)
            else:
                if asked.encoding_format != body.encoding_format:
                    self._remember(call)
                return raw

    def _remember(self, call: Call) -> None:
        self._want_arrays.pop(call.inference_id, None)
        self._want_arrays[call.inference_id] = _place(settings_of(call))
        if len(self._want_arrays) > MAX_REMEMBERED:
            self._want_arrays.popitem(last=False)

    async def _texts_aside(self, embeddings: Sequence[bytes | msgspec.Raw]) -> list[msgspec.Raw]:
        texts: list[msgspec.Raw] = []
        for at in range(0, len(embeddings), VECTORS_A_STEP):
            texts += await self._aside.run(_texts, embeddings[at : at + VECTORS_A_STEP])
        return texts


def _place(settings: OpenAISettings) -> tuple[str | None, str]:
    """What decides which forms are known there; the trial of a PUT fills in others of the settings."""
    return settings.url, settings.model_id


def _refuses_base64(refusal: UpstreamRefusal) -> bool:
    return refusal.upstream_status in (400, 422) and refusal.param == ENCODING


def _encoded_in_steps(body: _Body) -> bytes:
    rest = _ENCODER.encode(msgspec.structs.replace(body, input=()))
    return joined([b'{"input":', *list_parts(map(text_as_json, body.input)), rest.removeprefix(b'{"input":[]')])


def _texts(embeddings: Iterable[bytes | msgspec.Raw]) -> list[msgspec.Raw]:
    return list(map(vector_text, embeddings))
