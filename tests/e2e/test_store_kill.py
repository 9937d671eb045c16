"""A store whose daemon is killed at any moment has every acknowledged write, no half ones, and opens."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.store_account import Account

ROUNDS = 30
FIRST_STARTS = 30


class Writer:
    """The program that forks writers."""

    def __init__(self, into: IO[str], out: IO[str]) -> None:
        self._into = into
        self._out = out

    def begin(self, folder: Path, seed: int, count: int) -> int:
        """Fork a child that makes ``count`` changes in each of its writers; its number."""
        print(folder, seed, count, file=self._into, flush=True)
        return int(self._out.readline().split()[1])

    def lines(self) -> Iterator[str]:
        """What the child tells, until it is gone."""
        return iter(lambda: self._out.readline().strip(), "gone")

    def killed(self, folder: Path, seed: int, when: Callable[[str], bool]) -> Iterator[str]:
        """The lines of a child that is killed as soon as ``when`` is true of one; it may have told more by then."""
        child = self.begin(folder, seed, 1_000_000)
        killed = False
        for line in self.lines():
            yield line
            if not killed and when(line):
                os.kill(child, signal.SIGKILL)
                killed = True


@pytest.fixture
def writer() -> Iterator[Writer]:
    program = [sys.executable, "-m", "tests.e2e.store_writer"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Writer(process.stdin, process.stdout)
        process.stdin.close()


def pause(dice: random.Random, milliseconds: float) -> None:
    """Let the writers go on for up to that long: a kill comes at any moment, not only after a line."""
    end = time.perf_counter() + dice.random() * milliseconds / 1000
    while time.perf_counter() < end:
        pass


async def test_acknowledged_writes_outlive_a_kill_at_any_moment(writer: Writer, tmp_path: Path) -> None:
    account = Account()
    for number in range(ROUNDS):
        dice = random.Random(number)
        left = dice.randrange(1, 30)

        def enough(line: str, dice: random.Random = dice) -> bool:
            nonlocal left
            left -= line.startswith("done")
            if left == 0:
                pause(dice, 4)
            return left <= 0

        for line in writer.killed(tmp_path / "state", number, enough):
            account.hear(line)
        await account.settle(tmp_path / "state")
    assert account.acknowledged >= ROUNDS
    assert len(account.held) > 10


async def test_a_first_start_that_was_killed_is_begun_again(writer: Writer, tmp_path: Path) -> None:
    for number in range(FIRST_STARTS):
        folder = tmp_path / str(number)
        dice = random.Random(number)
        child = writer.begin(folder, number, 3)
        pause(dice, 25)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        account = Account()
        for line in writer.lines():
            account.hear(line)
        await account.settle(folder)
