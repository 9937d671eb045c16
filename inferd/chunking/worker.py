"""Cutting in a process of its own, for texts that would keep this one waiting: ``python -m inferd.chunking.worker``.

A single call into ICU keeps the interpreter to itself: for one Chinese or Thai run without spaces 150 ns a character,
for one regular expression without end. A process can be waited for by a loop and killed by a clock. It reads a job
from standard input and writes the answer to standard output; whoever starts it speaks ``job`` and ``answer_of``.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from inferd.chunking.chunk import Chunk, Offsets, encoded, slices
from inferd.chunking.settings import MARKDOWN, PLAINTEXT, read_limit_exceeded
from inferd.errors import Failure, IllegalArgument, StatusFailure
from inferd.schema.chunking import ChunkingSettings, RecursiveSettings

COMMAND = (sys.executable, "-P", "-m", "inferd.chunking.worker")

# Up to this many characters together no call takes above 10 ms, whatever they are.
MOST_HERE = 50_000
# Up to this many code units no search takes above 10 ms, whatever the pattern is.
MOST_UNWATCHED = 3_000
# Up to this many characters a pattern is compiled in 10 ms, whatever it is.
MOST_PATTERN = 200

# The work of these parts of a pattern is not reported by ICU, so the step limit cannot bound it: possessive and atomic
# groups and look-around drop what they saved before it counts, a back reference compares without saving.
_UNREPORTED = re.compile(r"\(\?(?!:)|(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\+|\\[1-9k]")
_REPEATING = re.compile(r"[*+{]|\(\?[a-z]")

# Processor seconds a search may take, and those it may take for a million code units more.
_SECONDS = 0.2
_SECONDS_A_MILLION = 0.3

_NO_MORE_MARKS = 255
_PROCESS_NICENESS = 5  # Streams come before long documents.


class _Job(msgspec.Struct):
    settings: ChunkingSettings
    texts: list[bytes]


class _Answer(msgspec.Struct):
    # Those of each text are read by themselves: a hundred thousand lists made in one go would hold up the others.
    offsets: list[msgspec.Raw] = []
    failure: str | None = None


_OFFSETS = msgspec.msgpack.Decoder(list[Offsets])


def is_needed(texts: Sequence[str], settings: ChunkingSettings) -> bool:
    """Whether cutting ``texts`` here, in any thread, could hold up the others by more than some milliseconds."""
    if sum(map(len, texts)) > MOST_HERE:
        return True
    if not isinstance(settings, RecursiveSettings):
        return False
    if max(map(len, texts), default=0) > MOST_UNWATCHED and not all(map(_is_reported, settings.separators)):
        return True
    return max(map(len, settings.separators), default=0) > MOST_PATTERN


def job(texts: Sequence[str], settings: ChunkingSettings) -> bytes:
    """What the process is to be given on standard input, to its end; ``settings`` as they came in JSON."""
    # Bytes, because a text may hold a lone surrogate, which no encoder of strings lets pass.
    return msgspec.msgpack.encode(_Job(settings, [encoded(text, "utf-8") for text in texts]))


def answer_of(
    texts: Sequence[str], settings: ChunkingSettings, status: int | None, output: bytes
) -> list[list[Chunk]]:
    """The chunks of each text, from the exit status and the whole output of the process given ``job(…)``.

    A ``status`` below 0 is a signal's, as ``subprocess`` and ``asyncio`` tell it. IllegalArgument as ``offsets``
    raises it; StatusFailure 500 if the process ended in any other way.
    """
    marks, _, encoded = output.partition(bytes([_NO_MORE_MARKS]))
    if status == -signal.SIGVTALRM and marks and isinstance(settings, RecursiveSettings):
        raise read_limit_exceeded(settings.separators[marks[-1]])
    if status != 0:
        raise StatusFailure("The process that cuts long texts ended early", 500)
    answer = msgspec.msgpack.decode(encoded, type=_Answer)
    if answer.failure is not None:
        raise IllegalArgument(answer.failure)
    return [slices(text, _OFFSETS.decode(found)) for text, found in zip(texts, answer.offsets, strict=True)]


def main() -> int:
    """Does the job on standard input."""
    # ICU is loaded here only: the process that asks for another one need not have it.
    from inferd.chunking.passages import offsets

    # systemd may tell all processes of a service to stop: this one ends when it is done or when it is killed.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError):  # A sandbox may forbid even this.
        os.nice(_PROCESS_NICENESS)
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Job)
    answer = _Answer()
    try:
        for text in task.texts:
            found = offsets(text.decode("utf-8", "surrogatepass"), task.settings, _watch)
            answer.offsets.append(msgspec.Raw(msgspec.msgpack.encode(found)))
    except Failure as failure:
        answer = _Answer(failure=failure.reason)
    sys.stdout.buffer.write(bytes([_NO_MORE_MARKS]) + msgspec.msgpack.encode(answer))
    sys.stdout.buffer.flush()
    return 0


@contextmanager
def _watch(number: int, units: int) -> Iterator[None]:
    """Has the process killed if it stays here too long; the mark it leaves says which pattern it was."""
    os.write(sys.stdout.fileno(), bytes([min(number, _NO_MORE_MARKS - 1)]))
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS + _SECONDS_A_MILLION * units / 1e6)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _is_reported(pattern: str) -> bool:
    """Whether ICU reports all work of a search for ``pattern`` that is not in proportion to the text."""
    if pattern in MARKDOWN or pattern in PLAINTEXT:
        return True
    return not (_UNREPORTED.search(pattern) and _REPEATING.search(pattern))


if __name__ == "__main__":
    sys.exit(main())
