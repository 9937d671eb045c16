"""Cutting against the clock: megabytes a second for each strategy, and how long a loop beside it waits.

Run by hand: ``python bench/chunking.py [million characters]``. MB are of UTF-8, seconds of the processor. ``held`` is
the longest time an event loop in the same process could not run: with the text cut in a thread, and in the process of
``chunking.worker``.
The last lines are patterns made to run away, on a megabyte.
"""

import asyncio
import random
import resource
import subprocess
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from functools import partial

from inferd.chunking import worker
from inferd.chunking.chunk import Chunk
from inferd.chunking.passages import chunk
from inferd.chunking.settings import MARKDOWN, PLAINTEXT
from inferd.errors import Failure
from inferd.schema.chunking import ChunkingSettings, RecursiveSettings, SentenceSettings, WordSettings

MILLIONS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
STRATEGIES: dict[str, ChunkingSettings] = {
    "sentence 250/1": SentenceSettings(250, 1),
    "sentence 250/0": SentenceSettings(250, 0),
    "word 250/100": WordSettings(250, 100),
    "recursive plaintext": RecursiveSettings(250, PLAINTEXT),
    "recursive markdown": RecursiveSettings(250, MARKDOWN),
}
RUNAWAYS = ("(a+)+b", "[^b]*b", ".*?b", "(?:.|\n)*x", "(?>[^b]*)b", r"([^b]*)\1b")
CHINESE = "今天天气很好，我们去公园散步。然后回家吃饭！昨天他们在图书馆里看书；明天还要上课。"
THAI = "ภาษาไทยเป็นภาษาที่มีระดับเสียงของคำแน่นอนหรือวรรณยุกต์เช่นเดียวกับภาษาจีน"


def english(characters: int) -> str:
    """Sentences and paragraphs of made-up words, some with a heading."""
    chance = random.Random(7)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    lexicon = ["".join(chance.choices(letters, k=chance.randint(1, 9))) for _ in range(5_000)]
    parts: list[str] = []
    length = 0
    while length < characters:
        words = chance.choices(lexicon, k=chance.randint(4, 28))
        part = " ".join(words).capitalize() + chance.choice([". ", ". ", ". ", ".\n", ".\n\n", ".\n\n## Heading\n"])
        parts.append(part)
        length += len(part)
    return "".join(parts)[:characters]


def texts(characters: int) -> dict[str, str]:
    """Five megabytes each by default; Chinese and Thai take three bytes a character."""
    prose = english(characters)
    third = characters // 3
    mixed = "".join(prose[at : at + 300] + CHINESE + "😀 " for at in range(0, characters * 2 // 3, 300))
    return {
        "English": prose,
        "Chinese": (CHINESE * (third // len(CHINESE) + 1))[:third],
        "mixed": mixed,
        "English, one line": "".join(c if c.isalpha() else " " for c in prose),
        "Chinese, no spaces": (CHINESE.translate(dict.fromkeys(map(ord, "，。！；"))) * (third // 35))[:third],
        "Thai, no spaces": (THAI * (third // len(THAI) + 1))[:third],
    }


async def held(work: Callable[[], Awaitable[object]]) -> float:
    """How long the loop was away at most while ``work`` was done, in milliseconds."""
    longest = 0.0
    task = asyncio.ensure_future(work())
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before - 0.001)
    await task
    return longest * 1e3


async def elsewhere(text: str, settings: ChunkingSettings) -> list[list[Chunk]]:
    """As a service does it: the process is waited for by the loop, its answer is read in a thread."""
    process = await asyncio.create_subprocess_exec(*worker.COMMAND, stdin=PIPE, stdout=PIPE)
    output, _ = await process.communicate(worker.job([text], settings))
    return await asyncio.to_thread(worker.answer_of, [text], settings, process.returncode, output)


async def main() -> None:
    for name, text in texts(int(MILLIONS * 1e6)).items():
        megabytes = len(text.encode()) / 1e6
        for strategy, settings in STRATEGIES.items():
            before = time.process_time()
            passages = len(chunk(text, settings))
            speed = megabytes / (time.process_time() - before)
            thread = await held(partial(asyncio.to_thread, chunk, text, settings))
            process = await held(partial(elsewhere, text, settings))
            print(
                f"{name:20}{strategy:21}{speed:6.1f} MB/s {passages:6} passages   "
                f"held {thread:6.1f} ms by a thread, {process:5.1f} ms by a process"
            )
    for pattern in RUNAWAYS:
        lines, before, used = ["a " * 500_000], time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        settings = RecursiveSettings(10, (pattern,))
        done = subprocess.run(worker.COMMAND, input=worker.job(lines, settings), stdout=PIPE, check=False)
        try:
            outcome = f"{len(worker.answer_of(lines, settings, done.returncode, done.stdout)[0])} passages"
        except Failure as failure:
            outcome = failure.reason
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used.ru_utime
        print(f"{time.perf_counter() - before:6.2f} s, {seconds:5.2f} s of the processor  {outcome!r}")


if __name__ == "__main__":
    asyncio.run(main())
