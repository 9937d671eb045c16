"""The end of the daemon's life: no new connections, time for what is open, a word to what is left."""

import asyncio

from inferd.app import App
from inferd.daemon.acceptor import Acceptor
from inferd.errors import StatusFailure
from inferd.log import Log

# What was already accepted when the stop came is served this long before the drain is over, seconds.
ACCEPTED_GRACE = 0.3

# How long what was cut may take to say so: the last word of a stream, twice. Seconds.
LAST_WORDS = 2.0


async def drain(app: App, acceptor: Acceptor, again: asyncio.Event, log: Log, *, take_waiting: bool) -> None:
    """Takes no new connections, waits for what is open, then ends what is left; ``again`` ends it now."""
    parts, limit = app.parts, app.parts.config.server.drain_timeout
    parts.draining = True
    log.info("stopping", open_requests=len(parts.open), open_streams=parts.open.streams)
    acceptor.stop(take_waiting=take_waiting)
    hurry = asyncio.create_task(again.wait())
    finished = asyncio.create_task(_finished(app))
    await asyncio.wait({hurry, finished}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    for task in (hurry, finished):
        task.cancel()
    if finished.done():
        # What has begun since then is new, short of time, and not late: the connections' own end waits for it.
        return
    left = parts.open.cut(StatusFailure("inferd is shutting down", 503, headers={"Retry-After": "1"}))
    if left:
        log.warning("ended what was not finished in time", open_requests=left, drain_timeout=limit)
        await asyncio.wait({asyncio.create_task(parts.open.none_left())}, timeout=LAST_WORDS)


async def _finished(app: App) -> None:
    await asyncio.sleep(ACCEPTED_GRACE)
    while len(app.parts.open):
        await app.parts.open.none_left()
