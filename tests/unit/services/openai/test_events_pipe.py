"""Streams that are piped: the same items, handed on in the moment they come."""

import re
from collections.abc import Collection

import pytest

from inferd.errors import Failure
from tests.unit.services.openai.readers import TOLD, Numbers, Pieces, reader_of
from tests.unit.services.openai.upstream import events


async def piped(numbers: Numbers, full: Collection[int] = ()) -> tuple[list[list[int]], list[int]]:
    """What a pipe wrote, and after how many writes it had to wait: after those that are ``full``."""
    written: list[list[int]] = []
    waits: list[int] = []

    def write(items: list[int]) -> bool:
        written.append(items)
        return len(written) not in full

    async def ready() -> None:
        waits.append(len(written))

    await numbers.pipe(write, ready)
    return written, waits


WHOLE = [events(b"[1]", b"[2]"), b": ping\n\n", events(b"[3]"), events(b"[4]", b"[DONE]"), events(b"[5]")]


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize(("full", "waits"), [((), []), ((1,), [1]), ((1, 2), [1, 2]), ((3,), []), ((1, 2, 3), [1, 2])])
async def test_a_pipe_writes_what_an_iteration_gives_and_waits_when_told(
    start: bool, full: tuple[int, ...], waits: list[int]
) -> None:
    numbers = reader_of(Pieces(list(WHOLE)))
    if start:
        await numbers.start()
    assert await piped(numbers, full) == ([[1, 2], [3], [4]], waits)


@pytest.mark.parametrize(
    ("pieces", "end", "told"),
    [
        ([events(b"[1]")], None, "ended before its answer did"),
        ([events(b"[1]")], Failure("gone"), "gone"),
        ([events(b"[1]", b"nonsense", b"[2]")], None, TOLD),
        ([events(b"[1]", b"[0]")], None, None),
        ([events(b"[1]", b"[0]")], Failure("gone"), None),
    ],
)
async def test_a_pipe_ends_as_an_iteration_does(pieces: list[bytes], end: Failure | None, told: str | None) -> None:
    for start in (True, False):
        numbers = reader_of(Pieces(list(pieces), end))
        if start:
            await numbers.start()
        if told is None:
            assert await piped(numbers) == ([[1]], [])
            continue
        with pytest.raises(Failure, match=re.escape(told)):
            await piped(numbers)


async def test_what_ready_raises_ends_a_pipe() -> None:
    async def ready() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await reader_of(Pieces(list(WHOLE))).pipe(lambda _: False, ready)


async def test_only_events_end_a_silence() -> None:
    pieces = Pieces([events(b"[]"), b": ping\n\n", b"data: [1]", b"\n\n", events(b"[0]")])
    assert await piped(reader_of(pieces)) == ([[1]], [])
    assert pieces.sounds == [1, 4, 5]
