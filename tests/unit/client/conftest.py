"""What the client's tests share: a scripted server, a way to run a command, a terminal to type at."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import IO

import pytest

from tests.unit.client.scripted import LONG, ScriptedServer, start
from tests.unit.client.typist import Step, Typist

Call = Callable[..., int]
Pipe = Callable[[str | bytes], None]
AtTerminal = Callable[..., tuple[int, str]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A scripted server that the environment names as the inferd to call."""
    with ScriptedServer() as scripted:
        monkeypatch.setenv("INFERD_URL", scripted.url)
        monkeypatch.delenv("INFERD_API_KEY", raising=False)
        thread = start(scripted)
        yield scripted
        scripted.shutdown()
        thread.join(LONG)


@pytest.fixture
def call() -> Call:
    """Runs a command module with words as typed after its name; gives the exit status."""

    def run(command: ModuleType, *words: str) -> int:
        parser = argparse.ArgumentParser(prog="inferd")
        command.add_arguments(parser)
        status: int = command.run(parser.parse_args(words))
        return status

    return run


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Puts text on stdin."""

    def fill(content: str | bytes) -> None:
        raw = content.encode() if isinstance(content, str) else content
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))

    return fill


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch, call: Call) -> AtTerminal:
    """Runs a command with a terminal as stdin and stdout; gives the exit status and what the screen showed."""

    def run(command: ModuleType, *words: str, steps: list[Step]) -> tuple[int, str]:
        master, slave = os.openpty()
        typist = Typist(master, list(steps))
        typist.start()
        files: list[IO[str]] = [os.fdopen(slave, "r", encoding="utf-8"), open(os.dup(slave), "w", encoding="utf-8")]
        with monkeypatch.context() as patch, files[0], files[1]:
            patch.setattr(sys, "stdin", files[0])
            patch.setattr(sys, "stdout", files[1])
            status = call(command, *words)
        typist.join(LONG)
        os.close(master)
        assert not typist.steps, f"never seen: {typist.steps[0][0]!r} in {typist.screen!r}"
        return status, typist.screen

    return run
