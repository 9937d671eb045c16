"""Restarts a socket-activated daemon again and again under clients that come every 10 ms; run by hand.

    python -m bench.restarts [RESTARTS]

Any refused connection and any cut answer ends it with a traceback.
"""

import asyncio
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.e2e.daemon_process import make_endpoint, running, unlimited
from tests.e2e.restarting import ACTIVATE, ask_all_the_time


async def restart(times: int, folder: Path) -> None:
    """Prints what became of all requests."""
    done, began = asyncio.Event(), time.monotonic()
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        descriptor = listening.fileno()
        command = ("-c", ACTIVATE, str(descriptor))
        asking: asyncio.Task[list[int]] | None = None
        for number in range(times + 1):
            async with running(folder, "--simulate", command=command, pass_fds=(descriptor,)) as daemon:
                if asking is None:
                    async with unlimited() as client:
                        await make_endpoint(client, daemon.url, model_id="gpt-4o+sim-words-10+sim-pace-10")
                    asking = asyncio.create_task(ask_all_the_time(daemon.url, done))
                if number == times:
                    done.set()
                    print(dict(Counter(await asking)), f"in {times} restarts and {time.monotonic() - began:.0f} s")
                await asyncio.sleep(0.2)
                daemon.signal(signal.SIGTERM)
                assert await daemon.stopped() == 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(restart(int(sys.argv[1]) if len(sys.argv) > 1 else 200, Path(scratch)))
