"""How often others have their turn while something long is done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Counts them in ``count``."""

    def __init__(self) -> None:
        self.count = 0

    async def take(self) -> None:
        """Takes every turn of the loop that it gets, until it is cancelled."""
        while True:
            self.count += 1
            await asyncio.sleep(0)


@asynccontextmanager
async def counted() -> AsyncIterator[Turns]:
    """The turns that others have while you are inside."""
    turns = Turns()
    task = asyncio.create_task(turns.take())
    try:
        yield turns
    finally:
        task.cancel()
