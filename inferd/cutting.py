"""Cuts texts off the event loop: in a thread, or in a process where a thread could still hold everything up."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from inferd.aside import Aside
from inferd.chunking import worker
from inferd.chunking.chunk import Chunk
from inferd.chunking.process import Process
from inferd.schema.chunking import ChunkingSettings, RecursiveSettings

# Processes at once. A long text keeps one processor busy; the others are left to the loop and to who else is there.
MOST_PROCESSES = 2

# Up to this many characters together are cut in less than a millisecond: not worth a thread.
MOST_INLINE = 2_000


class Cutter:
    """Cuts texts for all requests. You ``close`` it at the end."""

    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._waiting = ThreadPoolExecutor(MOST_PROCESSES, "inferd-cutting")
        self._places = asyncio.Semaphore(MOST_PROCESSES)
        self._loaded = False

    async def cut(self, texts: Sequence[str], settings: ChunkingSettings) -> list[list[Chunk]]:
        """The chunks of each text, at least one; see ``passages.offsets`` for the failures.

        Long texts wait for one of MOST_PROCESSES places, first come first served. Cancelling ends the work: set the
        time it may take around it. StatusFailure as ``Process.run`` raises it.
        """
        if worker.is_needed(texts, settings):
            return await self._elsewhere(texts, settings)
        short = sum(map(len, texts)) <= MOST_INLINE and not isinstance(settings, RecursiveSettings)
        if short and self._loaded:
            return _cut(texts, settings)
        chunks = await self._aside.run(_cut, texts, settings)
        self._loaded = True
        return chunks

    def close(self) -> None:
        """Lets the threads go; what still runs must have been cancelled."""
        self._waiting.shutdown(wait=False, cancel_futures=True)

    async def _elsewhere(self, texts: Sequence[str], settings: ChunkingSettings) -> list[list[Chunk]]:
        async with self._places:
            job = await self._aside.run(worker.job, texts, settings)
            status, output = await self._done(job)
            return await self._aside.run(worker.answer_of, texts, settings, status, output)

    async def _done(self, job: bytes) -> tuple[int | None, bytes]:
        # A thread waits, not the loop: starting a process from uvloop holds it ten times longer, and each kind of
        # loop reaps children in its own way.
        process = Process()
        running = asyncio.get_running_loop().run_in_executor(self._waiting, process.run, job)
        try:
            # Shielded, so that it is the process that ends first, and the thread that reaps it then.
            return await asyncio.shield(running)
        finally:
            process.end()


def _cut(texts: Sequence[str], settings: ChunkingSettings) -> list[list[Chunk]]:
    # Loads ICU when the first text comes, in the thread: most daemons never cut one.
    from inferd.chunking.passages import chunk

    return [chunk(text, settings) for text in texts]
