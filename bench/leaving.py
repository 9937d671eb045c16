"""2,000 chats whose clients leave at random moments: how soon their requests upstream end, and what is left of them.

Run by hand: ``python -m bench.leaving [chats] [inferd|aiohttp]``. The daemon is a process of its own; provider and
clients are this one. ``cut`` counts clients whose connection was reset before they left; ``ends`` is the time from a
client's leaving to the end of its connection at the provider. Memory is told first after one chat, the first of which
loads what is needed by all: that is where it should come back to. It is looked at in the middle of each round, at its
end, and once the daemon has had the time to give it back, nearly two minutes with a few chats in them.
"""

import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from aiohttp import ClientSession

from bench.memory import Memory
from inferd.daemon.memory import INTERVAL, LOOKS, PASSES, PAUSE
from tests.e2e.daemon_process import Daemon, running
from tests.scripted_upstream import STREAM_HEAD, chunk, delta

ROUNDS = 4
# Seconds: over how long they come, how long they stay at most, how long a chat's provider thinks at most.
COMING, STAYING, THINKING = 5.0, 10.0, 1.0
PACE = 0.5  # between two chunks of a chat
PATIENCE = 20.0
FEW_CHATS = 4  # while memory is given back
GIVING_BACK = (max(LOOKS) + 2) * INTERVAL + len(LOOKS) * PASSES * PAUSE


class Others:
    """Provider and clients: they know each other's chats by a number in the message."""

    def __init__(self) -> None:
        self.left: dict[int, float] = {}
        self.ended: dict[int, float] = {}
        self.begun = self.cut = 0

    async def provide(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One chat upstream, without an end of its own."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            number = int(json.loads(await reader.readexactly(length))["messages"][0]["content"])
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()  # It left before it had said what it wanted.
            return
        self.begun += 1
        talking = asyncio.create_task(self._talk(writer))
        try:
            await reader.read(1)
        except ConnectionError:
            pass
        self.ended[number] = time.perf_counter()
        talking.cancel()
        writer.transport.abort()

    async def _talk(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(random.random() * THINKING)
        writer.write(STREAM_HEAD)
        while not writer.is_closing():
            writer.write(chunk(delta("word ")))
            await asyncio.sleep(PACE)

    async def come_and_go(self, port: int, number: int) -> None:
        """One client."""
        await asyncio.sleep(random.random() * COMING)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"messages": [{"role": "user", "content": str(number)}]}).encode()
        head = "POST /_inference/chat_completion/e/_unified HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        try:
            async with asyncio.timeout(random.random() * STAYING):
                while await reader.read(65536):
                    pass
        except TimeoutError:
            pass
        except ConnectionError:
            self.cut += 1
        self.left[number] = time.perf_counter()
        writer.transport.abort()

    async def round(self, port: int, chats: int) -> dict[str, float]:
        """So many of them, once; the figures."""
        self.left.clear()
        self.ended.clear()
        self.begun = self.cut = 0
        await asyncio.gather(*(self.come_and_go(port, number) for number in range(chats)))
        until = time.perf_counter() + PATIENCE
        while len(self.ended) < self.begun and time.perf_counter() < until:
            await asyncio.sleep(0.05)
        # Nobody at all may have reached the provider before leaving, where it was one.
        ends = sorted(1000 * (self.ended[number] - self.left[number]) for number in self.ended) or [0.0]
        return {
            "reached": self.begun,
            "open": self.begun - len(self.ended),
            "cut": self.cut,
            "p50": ends[len(ends) // 2],
            "p99": ends[len(ends) * 99 // 100],
            "max": ends[-1],
        }


async def measure(chats: int, client: str) -> None:
    """All rounds."""
    playing = Others()
    server = await asyncio.start_server(playing.provide, "127.0.0.1", 0, backlog=4096)
    upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    environ = {"INFERD_UPSTREAM_CLIENT": client, "INFERD_INFERENCE_VALIDATE_ON_PUT": "off"}
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder), environ=environ) as daemon, ClientSession() as http:
            settings: dict[str, object] = {"api_key": "sk-x", "model_id": "m", "url": upstream}
            settings |= {"rate_limit": {"requests_per_minute": 10**7}}
            endpoint = {"service": "openai", "service_settings": settings}
            async with http.put(f"{daemon.url}/_inference/chat_completion/e", json=endpoint) as answer:
                assert answer.status == 200, await answer.text()
            await playing.round(daemon.port, 1)
            print(f"{chats} chats, client {client}\none chat  {await seen(daemon, http)}")
            for _ in range(ROUNDS):
                amid = asyncio.create_task(later(COMING, daemon, http))
                told = await playing.round(daemon.port, chats)
                print(f"amid      {await amid}")
                print(f"end       {await later(1.0, daemon, http)}")
                # A daemon in service has requests, each of which makes anew what the last one has left.
                for _ in range(FEW_CHATS):
                    await playing.round(daemon.port, 1)
                    await asyncio.sleep(GIVING_BACK / FEW_CHATS)
                print(f"later     {await later(0.0, daemon, http)}")
                print(
                    f"reached the provider {told['reached']:4.0f}  left open {told['open']:.0f} cut {told['cut']:.0f}  "
                    f"ends ms p50 {told['p50']:.1f} p99 {told['p99']:.1f} max {told['max']:.1f}"
                )
            await daemon.stopped()
    server.close()


async def later(seconds: float, daemon: Daemon, http: ClientSession) -> str:
    """What is seen so many seconds from now."""
    await asyncio.sleep(seconds)
    return await seen(daemon, http)


async def seen(daemon: Daemon, http: ClientSession) -> str:
    """What the daemon holds at this moment."""
    pid = daemon.process.pid
    memory = Memory.of(pid)
    async with http.get(f"{daemon.url}/_inference/.diagnostics") as answer:
        told = (await answer.json())["inferd"]
    pool, ours = told["external"]["connection_pool_stats"], told["inferd"]
    return (
        f"descriptors {len(os.listdir(f'/proc/{pid}/fd')):4}  requests {ours['open_requests'] - 1:4}  "
        f"upstream {pool['leased_connections']:4} + {pool['pending_connections']}  memory {memory}"
    )


def main() -> None:
    """See above."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    chats, client = (*sys.argv[1:], *("2000", "inferd")[len(sys.argv) - 1 :])
    uvloop.run(measure(int(chats), client))


if __name__ == "__main__":
    main()
