"""When memory is given back, and that it is."""

import ctypes
import platform
from collections.abc import Iterator

import pytest

from inferd.aside import Aside
from inferd.daemon import memory
from inferd.daemon.memory import CROWD, WORTH, give_back, resident, trim

START = 50 * WORTH
GROWN = START + WORTH


class Ended(Exception):
    """The steps are over."""


class Process:
    """A process with so many requests and so much memory at each look.

    ``given`` has the looks that gave some back, -1 for the start; ``turned`` those that turned free lists over before.
    """

    def __init__(self, *looks: tuple[int, int]) -> None:
        self._looks = list(looks)
        self._number = -1
        self._again = False
        self._resident = START
        self.given: list[int] = []
        self.turned: list[int] = []

    def busy(self) -> int:
        if not self._again:
            self._number += 1
            if self._number == len(self._looks):
                raise Ended
            self._resident = self._looks[self._number][1]
        self._again = False
        return self._looks[self._number][0]

    def resident(self) -> int:
        return self._resident

    def trim(self) -> None:
        self.given.append(self._number)
        # Nobody asks at the start.
        self._again = self._number >= 0

    async def turn_over(self) -> None:
        self.turned.append(self._number)


@pytest.fixture
def aside() -> Iterator[Aside]:
    aside = Aside()
    yield aside
    aside.close()


@pytest.mark.parametrize(
    ("looks", "given"),
    [
        pytest.param([(100, GROWN), (26, GROWN), (25, GROWN)], [2], id="three quarters have left"),
        pytest.param([(CROWD - 1, GROWN - 1), (0, GROWN - 1)], [], id="not worth it"),
        pytest.param([(CROWD, START), (0, START), (0, START)], [1], id="a crowd, where the one before it was"),
        pytest.param([(1, GROWN), (0, GROWN)], [1], id="one alone, and large"),
        pytest.param([(0, GROWN)], [0], id="all within two looks"),
        pytest.param([(9, GROWN), (0, GROWN), (0, GROWN), (9, GROWN), (0, GROWN)], [1], id="what cannot be given back"),
        pytest.param([(9, GROWN), (0, GROWN), (9, GROWN + WORTH), (0, GROWN + WORTH)], [1, 3], id="the next ones"),
        pytest.param([(99, GROWN), (24, GROWN), (7, GROWN), (6, GROWN), (0, GROWN)], [1, 3, 4], id="the rest, later"),
    ],
)
async def test_memory_is_given_back_once_many_have_left_and_it_is_worth_it(
    looks: list[tuple[int, int]], given: list[int], aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(*looks)
    monkeypatch.setattr(memory, "INTERVAL", 0)
    monkeypatch.setattr(memory, "resident", process.resident)
    monkeypatch.setattr(memory, "trim", process.trim)
    monkeypatch.setattr(memory, "turn_over", process.turn_over)
    with pytest.raises(Ended):
        await give_back(process.busy, aside)
    assert process.given == [-1, *given]
    # While somebody is being served, that would be of no use.
    assert process.turned == [look for look in given if not looks[look][0]]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide by themselves")
def test_free_pages_between_what_is_in_use_go_back() -> None:
    pieces = [bytes([1]) * 2000 for _ in range(20_000)]
    kept = pieces[::100]
    before = resident()
    del pieces
    trim()
    assert before - resident() > 20_000_000
    assert all(len(piece) == 2000 for piece in kept)


def test_where_nothing_can_be_given_back_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    memory._malloc_trim.cache_clear()
    trim()
    memory._malloc_trim.cache_clear()


def test_what_the_system_does_not_say_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str, encoding: str) -> None:
        raise FileNotFoundError(path)

    monkeypatch.setattr(memory, "open", refused, raising=False)
    assert resident() == 0
