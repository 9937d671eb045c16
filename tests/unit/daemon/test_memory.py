"""When memory is given back, and that it is."""

import ctypes
import gc
import platform
import time
from collections.abc import Callable, Iterator

import pytest

from inferd.aside import Aside
from inferd.daemon import memory
from inferd.daemon.memory import CROWD, FEW, PASSES, WORTH, empty, give_back, resident, trim
from inferd.daemon.reserve import Reserve
from tests.unit.daemon.alone import told

START = 50 * WORTH
GROWN = START + WORTH


class Ended(Exception):
    """The steps are over."""


class Process:
    """A process with so many requests and so much memory at each look.

    ``given`` has the looks that gave some back, -1 for the start; ``emptied`` those that emptied arenas before.
    """

    def __init__(self, *looks: tuple[int, int]) -> None:
        self._looks = list(looks)
        self._number = -1
        self._again = False
        self._resident = START
        self.given: list[int] = []
        self.emptied: list[int] = []

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

    async def empty(self, busy: Callable[[], int], reserve: Reserve) -> None:
        self.emptied.append(self._number)
        self._again = True


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
        pytest.param([(CROWD, START), (0, START)], [1], id="a crowd, where the one before it was"),
        pytest.param([(CROWD, START), *[(3, START)] * 50], [1, 2, 3, 5, 9, 17], id="a crowd, for a while"),
        pytest.param(
            [(CROWD, START), *[(3, START), (26, START)] * 50], [1, 3, 5, 9, 17, 33], id="a crowd, while few are left"
        ),
        pytest.param([(CROWD, START), *[(9, START), (CROWD, START)] * 20], [*range(1, 40, 2)], id="crowd after crowd"),
        pytest.param([(4 * FEW + 4, START), (FEW + 1, START), (FEW, START)], [1, 2], id="few of a crowd"),
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
    monkeypatch.setattr(memory, "empty", process.empty)
    with pytest.raises(Ended):
        await give_back(process.busy, aside)
    assert process.given == [-1, *given]
    # While many are being served, that would be of no use.
    assert process.emptied == [look for look in given if looks[look][0] <= FEW]


class Counting(Reserve):
    """A reserve that counts the passes, after each of which so many requests are there."""

    def __init__(self, left: list[int]) -> None:
        super().__init__()
        self.left = left
        self.passes = 0

    async def come_first(self) -> None:
        self.passes += 1

    def busy(self) -> int:
        return self.left.pop(0)


@pytest.mark.parametrize(
    ("busy", "slow", "passes"),
    [
        pytest.param([FEW] * PASSES, 0.0, PASSES, id="few are there"),
        pytest.param([0, FEW + 1], 0.0, 2, id="more come"),
        pytest.param([], 1.0, 1, id="the collector takes too long"),
    ],
)
async def test_arenas_are_emptied_while_that_is_in_nobodys_way(
    busy: list[int], slow: float, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    took, reserve = iter([0.0, slow] * PASSES), Counting(busy)
    collected: list[int] = []
    turned: list[int] = []

    async def turn_over() -> None:
        turned.append(len(collected))

    monkeypatch.setattr(memory, "PAUSE", 0)
    monkeypatch.setattr(time, "thread_time", lambda: next(took))
    monkeypatch.setattr(gc, "collect", lambda: collected.append(reserve.passes))
    monkeypatch.setattr(memory, "turn_over", turn_over)
    await empty(reserve.busy, reserve)
    # First the reserve, then the interpreter's free lists, then those of libraries, which take from both.
    assert collected == turned == [*range(1, passes + 1)] and not reserve.left


# How many blocks of memory remain of a connection given up, where it is the first and where it is not.
GIVEN_UP = """
import asyncio, gc, sys, uvloop
from inferd.daemon.memory import give_up_connection

async def main(first):
    if not first:
        await give_up_connection()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gc.collect()
    before = sys.getallocatedblocks()
    connecting = loop.create_task(loop.create_connection(asyncio.Protocol, "127.0.0.1", port))
    await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.wait([connecting])
    del connecting
    gc.collect()
    print(sys.getallocatedblocks() - before)
    server.close()

uvloop.run(main(sys.argv[1] == "first"))
"""


def test_what_is_made_for_the_first_connection_given_up_is_there_beforehand() -> None:
    ((first,),), ((later,),) = told(GIVEN_UP, "first"), told(GIVEN_UP, "later")
    assert later + 8 <= first


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
