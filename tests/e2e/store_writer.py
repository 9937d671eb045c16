"""A program that writes to a store and tells each step, made to be killed: ``python -m tests.e2e.store_writer``.

Each line on standard input, ``FOLDER SEED COUNT``, forks a child with four writers, because a fork takes milliseconds
where a start takes half a second. Standard output tells::

    pid N                       the child; it is to be killed by this number
    open                        the store is open
    begin WRITER VERB ID VALUE  sent before a change is asked for
    done WRITER                 the change was acknowledged
    failed WRITER               the change was refused for the sake of the disk
    gone                        the child is no more
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from inferd.errors import StatusFailure
from inferd.store import KeyPlaces, Store
from tests.plain_endpoints import api_key, endpoint, restore

WRITERS = 4
IDS = 5


def tell(line: str) -> None:
    """One write, so that a kill cuts between lines."""
    os.write(1, f"{line}\n".encode())


async def opened(folder: Path) -> Store:
    """The store in ``folder``, with the key beside it."""
    return await Store.open(folder, KeyPlaces.of(folder, None, {}), restore)


async def write(store: Store, writer: int, seed: int, count: int) -> None:
    """Make ``count`` changes, one after the other, to endpoints that no other writer touches."""
    dice = random.Random(f"{seed} {writer}")
    for number in range(count):
        inference_id = f"w{writer}-{dice.randrange(IDS)}"
        value = f"{seed}-{number}-{'x' * dice.randrange(3000)}"
        verb = dice.choice(["replace", "delete"]) if inference_id in store else "create"
        tell(f"begin {writer} {verb} {inference_id} {value}")
        try:
            if verb == "delete":
                await store.delete(inference_id)
            else:
                await getattr(store, verb)(endpoint(inference_id, value), api_key(value))
        except StatusFailure:
            tell(f"failed {writer}")
        else:
            tell(f"done {writer}")


async def work(folder: Path, seed: int, count: int) -> None:
    """What the child does."""
    store = await opened(folder)
    tell("open")
    await asyncio.gather(*(write(store, writer, seed, count) for writer in range(WRITERS)))
    await store.close()


def main() -> None:
    """Fork a child for each line of standard input."""
    for line in sys.stdin:
        folder, seed, count = line.split()
        child = os.fork()
        if child == 0:
            tell(f"pid {os.getpid()}")
            asyncio.run(work(Path(folder), int(seed), int(count)))
            os._exit(0)
        os.waitpid(child, 0)
        tell("gone")


if __name__ == "__main__":
    main()
