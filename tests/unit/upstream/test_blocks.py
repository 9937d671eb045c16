"""Blocks are the bytes that were written, and the loop has its turns while they are put together."""

import pytest

from inferd.steps import LONG
from inferd.upstream.blocks import Blocks
from tests.turns import counted


def blocks_of(*parts: bytes) -> Blocks:
    blocks = Blocks()
    for part in parts:
        blocks.write(part)
    return blocks


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"a", b"", b"bc"),
        (b"x" * LONG,),
        (b"x" * (LONG - 1), b"y", b"z"),
        tuple(bytes([number]) * (LONG // 3) for number in range(11)),
    ],
)
async def test_they_are_what_was_written(parts: tuple[bytes, ...]) -> None:
    assert await blocks_of(*parts).whole() == b"".join(parts)


async def test_others_have_their_turn_after_each_block() -> None:
    async with counted() as turns:
        await blocks_of(*[b"x" * LONG] * 5).whole()
    assert turns.count == 6
