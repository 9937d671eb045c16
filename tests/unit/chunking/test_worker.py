"""The process for long texts: when it is needed, what it is told and what it tells."""

import io
import os
import runpy
import signal
import subprocess
import sys

import pytest

from inferd.chunking import worker
from inferd.chunking.chunk import Chunk
from inferd.chunking.passages import chunk
from inferd.chunking.settings import DEFAULT, MARKDOWN, PLAINTEXT
from inferd.errors import IllegalArgument, StatusFailure
from inferd.schema.chunking import ChunkingSettings, NoneSettings, RecursiveSettings, WordSettings

LONG = "x" * (worker.MOST_UNWATCHED + 1)
TEXTS = ["Hello 😀 world. " * 50, "", "\ud800"]


def recursive(*separators: str) -> RecursiveSettings:
    return RecursiveSettings(10, separators)


@pytest.mark.parametrize(
    ("texts", "settings", "needed"),
    [
        ([], DEFAULT, False),
        ([], recursive(), False),
        (["x" * worker.MOST_HERE], DEFAULT, False),
        (["x" * worker.MOST_HERE, "x"], NoneSettings(), True),
        ([LONG], recursive(*MARKDOWN, *PLAINTEXT), False),
        ([LONG], recursive("\n+", r"(?<=a)b", r"(.)\1", r"(?:a|b)*c{2,3}", r"\p{L}+\s"), False),
        ([LONG], recursive("x", "[^b]*+b"), True),
        ([LONG], recursive("(?>a*)b"), True),
        ([LONG], recursive(r"(a*)\1b"), True),
        ([LONG], recursive("a{3,}+b"), True),
        ([LONG], recursive("(?i)a"), True),
        ([LONG[1:]], recursive("(?>a*)b"), False),
        (["x"], recursive("a" * worker.MOST_PATTERN), False),
        (["x"], recursive("a" * (worker.MOST_PATTERN + 1)), True),
    ],
)
def test_when_it_is_needed(texts: list[str], settings: ChunkingSettings, needed: bool) -> None:
    assert worker.is_needed(texts, settings) is needed


def in_process(texts: list[str], settings: ChunkingSettings) -> list[list[Chunk]]:
    done = subprocess.run(worker.COMMAND, input=worker.job(texts, settings), stdout=subprocess.PIPE, check=False)
    return worker.answer_of(texts, settings, done.returncode, done.stdout)


def test_a_process_cuts_as_this_one_does() -> None:
    settings = WordSettings(10, 5)
    assert in_process(TEXTS, settings) == [chunk(text, settings) for text in TEXTS]


def test_a_search_that_never_reports_is_ended_and_named() -> None:
    # ICU reports one step of this in ten seconds: each of a million starts runs to the end of the text.
    texts, settings = ["a " * 500_000], recursive("zz", "(?>[^b]*)b")
    done = subprocess.run(worker.COMMAND, input=worker.job(texts, settings), stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGVTALRM
    with pytest.raises(IllegalArgument) as caught:
        worker.answer_of(texts, settings, done.returncode, done.stdout)
    assert caught.value.reason == "Chunk separator regex [(?>[^b]*)b] has exceeded the character read limit"


class Streams:
    """Standard input and output in memory, the latter with a descriptor for the marks."""

    def __init__(self, given: bytes) -> None:
        self.buffer = io.BytesIO(given)
        self.reading, self.writing = os.pipe()

    def fileno(self) -> int:
        return self.writing

    def output(self) -> bytes:
        os.close(self.writing)
        with open(self.reading, "rb") as marks:
            return marks.read() + self.buffer.getvalue()


def run_main(monkeypatch: pytest.MonkeyPatch, given: bytes) -> bytes:
    stdout = Streams(b"")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.delitem(sys.modules, "inferd.chunking.worker")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("inferd.chunking.worker", run_name="__main__")
    assert ended.value.code == 0
    monkeypatch.undo()
    return stdout.output()


def test_marks_say_which_pattern_is_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = recursive("x", "y", *["z"] * 260)
    output = run_main(monkeypatch, worker.job(["a " * 20], settings))
    marks, _, _ = output.partition(b"\xff")
    assert list(marks) == [*range(255), *[254] * 7]
    assert worker.answer_of(["a " * 20], settings, 0, output) == [chunk("a " * 20, settings)]
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0


def test_a_failure_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a " * 20
    output = run_main(monkeypatch, worker.job([text], recursive("(")))
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0
    with pytest.raises(IllegalArgument) as caught:
        worker.answer_of([text], recursive("("), 0, output)
    assert caught.value.reason == "Invalid chunk separator regex [(]: Parentheses that do not match near index 1"


@pytest.mark.parametrize(
    ("settings", "status", "output"),
    [
        (recursive("a"), -signal.SIGVTALRM, b""),
        (DEFAULT, -signal.SIGVTALRM, b"\x00"),
        (recursive("a"), -signal.SIGKILL, b"\x00"),
        (recursive("a"), 1, b"\x00"),
        (recursive("a"), None, b""),
    ],
)
def test_a_process_that_ended_early(settings: ChunkingSettings, status: int | None, output: bytes) -> None:
    with pytest.raises(StatusFailure) as caught:
        worker.answer_of(["a"], settings, status, output)
    assert (caught.value.status, caught.value.reason) == (500, "The process that cuts long texts ended early")
