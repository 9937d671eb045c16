"""An answer on its way: whole, paced, interrupted, or left behind by its client."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice

from inferd.simulator.answers import Answer, Ending
from inferd.simulator.http1 import Incoming

# One write of this size costs the loop little more than one of a single event.
WRITE_SIZE = 65_536


class Interrupted(Exception):
    """The connection must end here: the answer was to break off."""


class ClientLeft(Exception):
    """The client closed the connection before the answer was out."""


@asynccontextmanager
async def while_there(incoming: Incoming) -> AsyncIterator[None]:
    """Cancels what is inside as soon as the client has left, and raises ClientLeft then."""
    try:
        # A timeout that is due the moment the client leaves: asyncio tells it from other cancellations.
        async with asyncio.timeout(None) as leash:
            watcher = asyncio.create_task(_watch(incoming, leash))
            try:
                yield
            finally:
                watcher.cancel()
                await asyncio.wait({watcher})
    except TimeoutError:
        raise ClientLeft from None


async def _watch(incoming: Incoming, leash: asyncio.Timeout) -> None:
    await incoming.gone()
    leash.reschedule(asyncio.get_running_loop().time())


async def send(answer: Answer, head: bytes, writer: asyncio.StreamWriter, pace: float) -> None:
    """Writes ``head`` and the answer, ``pace`` seconds between two events of a stream; Interrupted where it breaks off.

    Returns once everything has been handed to the system.
    """
    manner = answer.manner
    if manner.delay:
        await asyncio.sleep(manner.delay)
    if manner.stop_at == 0:
        await _interrupt(writer, manner.ending)
    if answer.events is not None:
        await _send_events(answer, head, writer, pace if manner.pace is None else manner.pace)
        return
    size = len(answer.body) if manner.stop_at is None else len(answer.body) // 2
    writer.write(head + answer.body[:size])
    await writer.drain()
    if manner.stop_at is not None:
        await _interrupt(writer, manner.ending)


async def _send_events(answer: Answer, head: bytes, writer: asyncio.StreamWriter, pace: float) -> None:
    manner = answer.manner
    events = islice(answer.events or (), manner.stop_at)
    writer.write(head)
    for block in _blocks(events, manner.piece or (0 if pace else WRITE_SIZE), bool(manner.piece)):
        writer.write(b"%x\r\n%b\r\n" % (len(block), block))
        await writer.drain()
        if pace:
            await asyncio.sleep(pace)
            # What was lost meanwhile is a ConnectionResetError here; uvloop would call the next write a RuntimeError.
            await writer.drain()
    if manner.stop_at is not None:
        # The next chunk begins and does not end, so that no client can take the rest for a whole answer.
        writer.write(b"100\r\ndata: {")
        await writer.drain()
        await _interrupt(writer, manner.ending)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _blocks(events: Iterable[bytes], size: int, split: bool) -> Iterator[bytes]:
    """The events joined until ``size`` bytes are full, or with ``split`` cut into pieces of ``size``."""
    if split:
        whole = b"".join(events)
        yield from (whole[start : start + size] for start in range(0, len(whole), size))
        return
    held: list[bytes] = []
    room = size
    for event in events:
        held.append(event)
        room -= len(event)
        if room <= 0:
            yield b"".join(held)
            held.clear()
            room = size
    if held:
        yield b"".join(held)


async def _interrupt(writer: asyncio.StreamWriter, ending: Ending) -> None:
    if ending is Ending.STALL:
        await asyncio.get_running_loop().create_future()
    if ending is Ending.RESET:
        # Lingering for nought seconds makes the system send a reset in place of an orderly end.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    raise Interrupted
