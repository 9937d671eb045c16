"""Requests with ``"chunk": true``: texts cut into passages, passages embedded, the vectors put back to their texts."""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from inferd.aside import Aside
from inferd.chunking.batches import Batches
from inferd.chunking.chunk import as_json
from inferd.chunking.chunk import Passages as Embedded
from inferd.chunking.settings import DEFAULT
from inferd.cutting import Cutter
from inferd.errors import Failure, envelope
from inferd.schema.chunking import ChunkingSettings
from inferd.schema.inference import Call, Passages
from inferd.services.openai.embeddings import MAX_AT_ONCE, EmbeddingsTask


class ChunkedTask:
    """Has texts cut by ``cutter`` and embedded by ``embeddings``."""

    def __init__(self, embeddings: EmbeddingsTask, cutter: Cutter, aside: Aside) -> None:
        self._embeddings = embeddings
        self._cutter = cutter
        self._aside = aside

    async def passages(
        self, call: Call, texts: Sequence[str], settings: ChunkingSettings | None, user: str | None
    ) -> Passages:
        """The embedded passages of each text, cut by ``settings`` or those of the endpoint.

        A text whose vectors could not be had is told as the error it would be alone, and the others are answered
        (Elasticsearch's EmbeddingRequestChunker); if that befell all, the first failure is raised.
        """
        batches = await self._batches(call, texts, settings or call.endpoint.chunking_settings or DEFAULT)
        await self._fill(call, batches, user)
        results = deque(await self._aside.run(batches.results))
        failures = [result for result in results if isinstance(result, Failure)]
        if len(failures) == len(results):
            raise failures[0]
        return Passages([await self._aside.run(_told, results) for _ in range(len(results))])

    async def _batches(self, call: Call, texts: Sequence[str], settings: ChunkingSettings) -> Batches:
        try:
            async with asyncio.timeout_at(call.deadline.at):
                chunks = await self._cutter.cut(texts, settings)
        except TimeoutError:
            raise call.deadline.failure(call.inference_id) from None
        return await self._aside.run(Batches, texts, chunks)

    async def _fill(self, call: Call, batches: Batches, user: str | None) -> None:
        """Sends every batch; each takes its own place at the limit, and fails alone."""
        at_once = asyncio.Semaphore(MAX_AT_ONCE)

        async def fill(number: int, texts: Sequence[str]) -> None:
            async with at_once:
                try:
                    batches.accept(number, await self._embeddings.vectors(call, texts, user))
                except Failure as failure:
                    batches.refuse(number, failure)

        tasks = [asyncio.create_task(fill(number, texts)) for number, texts in enumerate(batches)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


def _told(results: deque[Embedded | Failure]) -> msgspec.Raw:
    """The next of ``results``, as JSON. It is taken out of them to be freed here: even that takes milliseconds."""
    result = results.popleft()
    if isinstance(result, Failure):
        return msgspec.Raw(msgspec.json.encode(envelope(result)))
    return as_json(result)
