"""2,000 chats whose clients leave at random moments: how soon their requests upstream end, and what is left of them.

Run by hand: ``python -m bench.leaving [chats] [inferd|aiohttp]``. The gateway runs in this process, on uvloop; provider
and clients in a second one. ``cut`` counts clients whose connection was reset before they left; ``ends`` is the time
from a client's leaving to the end of its connection at the provider, both seen by that process; memory is the gateway's
resident set.
"""

import asyncio
import gc
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.scripted_upstream import STREAM_HEAD, chunk, delta
from tests.served import Served, served

ROUNDS = 4
# Seconds: over how long they come, how long they stay at most, how long a chat's provider thinks at most.
COMING, STAYING, THINKING = 5.0, 10.0, 1.0
PACE = 0.5  # between two chunks of a chat
PATIENCE = 20.0


class Others:
    """Provider and clients: they know each other's chats by a number in the message."""

    def __init__(self, chats: int) -> None:
        self.chats = chats
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

    async def round(self, port: int) -> dict[str, float]:
        """All of them, once; the figures."""
        self.left.clear()
        self.ended.clear()
        self.begun = self.cut = 0
        await asyncio.gather(*(self.come_and_go(port, number) for number in range(self.chats)))
        until = time.perf_counter() + PATIENCE
        while len(self.ended) < self.begun and time.perf_counter() < until:
            await asyncio.sleep(0.05)
        ends = sorted(1000 * (self.ended[number] - self.left[number]) for number in self.ended)
        return {
            "reached": self.begun,
            "open": self.begun - len(self.ended),
            "cut": self.cut,
            "p50": ends[len(ends) // 2],
            "p99": ends[len(ends) * 99 // 100],
            "max": ends[-1],
        }


async def others(chats: int) -> None:
    """The second process: says where the provider is, then plays a round for every port it is told."""
    playing = Others(chats)
    server = await asyncio.start_server(playing.provide, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await playing.round(int(line))), flush=True)
    server.close()


async def gateway(chats: int, client: str) -> None:
    """This process: the gateway, and what is seen of it."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.leaving", "--others", str(chats)), stdin=-1, stdout=-1
    )
    assert child.stdin is not None and child.stdout is not None
    port = int(await child.stdout.readline())
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder), upstream_client=client) as inferd:
            inferd.skip_trials()
            url, rate = f"http://127.0.0.1:{port}/v1", {"requests_per_minute": 10_000_000}
            await inferd.put("e", "chat_completion", url=url, rate_limit=rate)
            print(f"{chats} chats, client {client}\n{seen(inferd)}")
            for _ in range(ROUNDS):
                child.stdin.write(f"{inferd.port}\n".encode())
                peak = asyncio.create_task(most(inferd))
                told = json.loads(await child.stdout.readline())
                peak.cancel()
                print(
                    f"reached the provider {told['reached']:4.0f}  left open {told['open']:.0f} cut {told['cut']:.0f}  "
                    f"ends ms p50 {told['p50']:.1f} p99 {told['p99']:.1f} max {told['max']:.1f}"
                )
                await asyncio.sleep(1.0)
                print(seen(inferd))
    child.stdin.close()
    await child.wait()


def seen(inferd: Served) -> str:
    """What the gateway holds at this moment."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        memory = int(statm.read().split()[1]) * resource.getpagesize() / 1e6
    return (
        f"  tasks {len(asyncio.all_tasks())}  descriptors {len(os.listdir('/proc/self/fd'))}  "
        f"requests {len(inferd.parts.open)}  upstream {dict(inferd.parts.connections())}  memory {memory:.0f} MB"
    )


async def most(inferd: Served) -> None:
    """Says once what is held while most of them are there."""
    await asyncio.sleep(COMING)
    print(seen(inferd))


def main() -> None:
    """See above."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1:2] == ["--others"]:
        uvloop.run(others(int(sys.argv[2])))
    else:
        uvloop.run(gateway(int((sys.argv[1:] or ["2000"])[0]), (sys.argv[2:] or ["inferd"])[0]))


if __name__ == "__main__":
    main()
