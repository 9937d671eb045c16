"""500 clients that read 1 kB/s, and a provider that has 50 MB for each at once: what is held, and who has to wait.

Run by hand: ``python -m bench.slow_readers [clients] [seconds] [inferd|aiohttp]``. The daemon is a process of its own;
provider and clients are this one, and a third asks for ``/livez``. ``read`` is what the daemon has read from its
sockets, ``sent`` what the provider could send, with what the kernel holds. Memory is told first once one client has
come and gone, the first of which loads what is needed by all, and last once the daemon has had the time to give some
back.
"""

import asyncio
import json
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from aiohttp import ClientSession

from bench.memory import Memory
from inferd.daemon.memory import INTERVAL
from tests.e2e.daemon_process import Daemon, running
from tests.scripted_upstream import STREAM_HEAD, chunk, delta

TOTAL = 50_000_000  # bytes a provider has for each
BLOCK = chunk(delta("word ") * 100)
PACE, STEP = 1000, 1.0  # a client reads so many bytes every so many seconds
COMING = 3.0  # seconds over which they come
ROUNDS = 3
BODY = json.dumps({"messages": [{"role": "user", "content": "x"}]}).encode()
REQUEST = (
    b"POST /_inference/chat_completion/e/_unified HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class Provider:
    """Sends as fast as it is let; ``sent`` has the bytes of each stream, ``open`` how many there are now."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One stream."""
        number = len(self.sent)
        self.sent.append(0)
        self.open += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.set_write_buffer_limits(high=0)
            writer.write(STREAM_HEAD)
            while self.sent[number] < TOTAL and not writer.is_closing():
                writer.write(BLOCK)
                await writer.drain()
                self.sent[number] += len(BLOCK)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.transport.abort()


async def read_slowly(port: int, after: float) -> None:
    """One client, until it is cancelled."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(after)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.setblocking(False)
        await loop.sock_connect(line, ("127.0.0.1", port))
        await loop.sock_sendall(line, REQUEST)
        while await loop.sock_recv(line, PACE):
            await asyncio.sleep(STEP)


async def probe(url: str) -> None:
    """The third process: asks for ``/livez`` ten times a second until its input ends; prints how long each took."""
    loop, times = asyncio.get_running_loop(), []
    ended = loop.run_in_executor(None, sys.stdin.read)
    async with ClientSession() as client:
        while not ended.done():
            began = time.perf_counter()
            async with client.get(f"{url}/livez") as answer:
                assert answer.status == 200
                await answer.read()
            times.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(0.1)
    print(json.dumps(times))


def bytes_read(pid: int) -> int:
    """What a process has read so far."""
    return int(Path(f"/proc/{pid}/io").read_text(encoding="ascii").split()[1])


def processor(pid: int) -> float:
    """Seconds of processor time that a process has spent so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def told(times: list[float]) -> str:
    """The middle and the end of what was measured, in ms."""
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered):.1f}  p99 {ordered[len(ordered) * 99 // 100]:.1f}  max {ordered[-1]:.1f}"


async def play(daemon: Daemon, provider: Provider, clients: int, seconds: float) -> None:
    """They come, read for a while and leave; prints what was seen."""
    pid = daemon.process.pid
    before, read, spent = Memory.of(pid), bytes_read(pid), processor(pid)
    print(f"idle: memory {before}, {len(os.listdir(f'/proc/{pid}/fd'))} descriptors")
    probing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.slow_readers", "--probe", daemon.url), stdin=-1, stdout=-1
    )
    readers = [
        asyncio.create_task(read_slowly(daemon.port, COMING * number / clients)) for number in range(clients)
    ]
    await asyncio.sleep(COMING + seconds)
    now = Memory.of(pid)
    print(f"after {seconds:.0f} s: {provider.open} streams, memory {now}, most {now.most:.0f} MB: "
          f"{(now.most - before.resident) * 1000 / clients:.0f} kB a stream")
    print(f"a stream: read {(bytes_read(pid) - read) / clients / 1000:.0f} kB, "
          f"sent {statistics.mean(provider.sent) / 1000:.0f} kB, at most {max(provider.sent) / 1000:.0f} kB")
    assert probing.stdin is not None and probing.stdout is not None
    probing.stdin.close()
    times = json.loads(await probing.stdout.read())
    await probing.wait()
    print(f"/livez ms: {told(times)}  ({len(times)} times); the daemon's processor time {processor(pid) - spent:.1f} s")
    assert not any(task.done() for task in readers)
    for task in readers:
        task.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    left = time.perf_counter()
    while provider.open:
        await asyncio.sleep(0.01)
    print(f"all streams ended upstream {time.perf_counter() - left:.2f} s after their clients had left")
    await asyncio.sleep(1)
    print(f"then: memory {Memory.of(pid)}")
    await asyncio.sleep(2 * INTERVAL)
    print(f"later: memory {Memory.of(pid)}, {len(os.listdir(f'/proc/{pid}/fd'))} descriptors")


async def measure(clients: int, seconds: float, client: str) -> None:
    """Several times, so that it is seen what stays."""
    provider = Provider()
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    # What the kernel would hold for it would only be copied about, gigabytes in all.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
    server = await asyncio.start_server(provider.serve, sock=listening)
    port = listening.getsockname()[1]
    environ = {"INFERD_UPSTREAM_CLIENT": client, "INFERD_INFERENCE_VALIDATE_ON_PUT": "off"}
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder), environ=environ) as daemon, ClientSession() as http:
            settings: dict[str, object] = {"api_key": "sk-x", "model_id": "m", "url": f"http://127.0.0.1:{port}/v1"}
            settings |= {"rate_limit": {"requests_per_minute": 10**7}}
            endpoint = {"service": "openai", "service_settings": settings}
            async with http.put(f"{daemon.url}/_inference/chat_completion/e", json=endpoint) as answer:
                assert answer.status == 200, await answer.text()
            first = asyncio.create_task(read_slowly(daemon.port, 0.0))
            await asyncio.sleep(1)
            first.cancel()
            await asyncio.sleep(1)
            for _ in range(ROUNDS):
                provider.sent.clear()
                await play(daemon, provider, clients, seconds)
            await daemon.stopped()
    server.close()


def main() -> None:
    """See above."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1:2] == ["--probe"]:
        uvloop.run(probe(sys.argv[2]))
        return
    clients, seconds, client = (*sys.argv[1:], *("500", "20", "inferd")[len(sys.argv) - 1 :])
    uvloop.run(measure(int(clients), float(seconds), client))


if __name__ == "__main__":
    main()
