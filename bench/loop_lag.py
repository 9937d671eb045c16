"""How long five million bytes of text hold the daemon's loop: posted to a real daemon, a probe in its loop.

Run by hand: ``python bench/loop_lag.py [millions of bytes]``. Each figure is the most between two turns of the probe:
``away`` the time in which the loop could not run, waiting for a processor included, which says much about the machine;
``held`` how much of it the daemon was at work, in whichever thread; ``busy`` how much of that in the loop's own.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from inferd import daemon

HOST, SIMULATOR = "127.0.0.1:9278", "127.0.0.1:9279"
MILLIONS = float(sys.argv[1]) if sys.argv[1:] and sys.argv[1] != "--serve" else 5.0
CHINESE = "今天天气很好，我们去公园散步。然后回家吃饭！昨天他们在图书馆里看书；明天还要上课。"
ENGLISH = "The quick brown fox jumps over the lazy dog, and nobody minds. Would you? He paid 3.14 for it.\n\n"
TEXTS = {
    "English": ENGLISH,
    "English, one line": "the quick brown fox jumps over the lazy dog and nobody minds ",
    "Chinese": CHINESE,
    "Chinese, one line": CHINESE.translate(dict.fromkeys(map(ord, "，。！；"))),
    "mixed": ENGLISH + CHINESE + "😀 ",
}
SETTINGS: list[dict[str, Any]] = [
    {"strategy": "sentence"},
    {"strategy": "word"},
    {"strategy": "recursive", "separator_group": "markdown"},
    {"strategy": "none"},
]


async def probe() -> None:
    """Says on SIGUSR2 how long the loop was away, held and busy at most since the last time."""
    most = [0.0, 0.0, 0.0]

    def tell() -> None:
        print(*most, flush=True)
        most[:] = 0.0, 0.0, 0.0

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, tell)
    while True:
        wall, held, busy = time.perf_counter(), time.process_time(), time.thread_time()
        await asyncio.sleep(0.001)
        away = max(0.0, time.perf_counter() - wall - 0.001)
        most[:] = (
            max(most[0], away),
            # The other threads may have been at work in the millisecond before.
            max(most[1], min(away, time.process_time() - held)),
            max(most[2], time.thread_time() - busy),
        )


def serve() -> int:
    """The real daemon, with a probe in its loop."""
    assembled = vars(daemon)["assembled"]

    @asynccontextmanager
    async def probed(*args: Any) -> AsyncIterator[Any]:
        async with assembled(*args) as app:
            task = asyncio.create_task(probe())
            yield app
            task.cancel()

    # The one place where a probe can be put into the loop of the real daemon.
    vars(daemon)["assembled"] = probed
    return daemon.run(daemon.Launch(None, HOST, simulate=False), os.environ)


def send(method: str, path: str, body: bytes) -> int:
    """The size of the answer, whatever its status."""
    request = urllib.request.Request(f"http://{HOST}{path}", body, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return len(answer.read())
    except urllib.error.HTTPError as failure:
        print(failure.status, failure.read()[:200])
        return 0


def wait() -> None:
    """Returns when both can be connected to."""
    for address in (HOST, SIMULATOR):
        host, port = address.split(":")
        while True:
            with suppress(ConnectionRefusedError), socket.create_connection((host, int(port))):
                break
            time.sleep(0.1)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        environ = os.environ | {
            "INFERD_STORE_DIRECTORY": directory,
            "INFERD_LOG_LEVEL": "error",
            "INFERD_OPENAI_BASE_URL": f"http://{SIMULATOR}/v1",
        }
        command = [sys.executable, __file__, "--serve"]
        simulator = [sys.executable, "-m", "inferd", "simulate", "--listen", SIMULATOR]
        with (
            subprocess.Popen(simulator) as upstream,
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process,
        ):
            assert process.stdout is not None
            wait()
            endpoint = {"service": "openai", "service_settings": {"api_key": "k", "model_id": "text-embedding-3-small"}}
            send("PUT", "/_inference/text_embedding/e", json.dumps(endpoint).encode())

            def measure(what: str, path: str, body: bytes) -> None:
                process.send_signal(signal.SIGUSR2)
                assert process.stdout is not None
                process.stdout.readline()
                began = time.perf_counter()
                size = send("POST", path, body)
                seconds = time.perf_counter() - began
                process.send_signal(signal.SIGUSR2)
                away, held, busy = (float(figure) * 1e3 for figure in process.stdout.readline().split())
                print(
                    f"{what:50} {seconds:6.2f} s {size / 1e6:7.1f} MB   "
                    f"away {away:6.1f} ms, held {held:5.1f} ms, busy {busy:5.1f} ms",
                    flush=True,
                )

            for name, unit in TEXTS.items():
                text = unit * int(MILLIONS * 1e6 / len(unit.encode()))
                for settings in SETTINGS:
                    body = {"input": text, "chunking_settings": settings}
                    what = f"_chunk, {name}, {settings['strategy']}"
                    measure(what, "/_inference/_chunk", json.dumps(body, ensure_ascii=False).encode())
                measure(f"{what}, escaped", "/_inference/_chunk", json.dumps({"input": text[:1_300_000]}).encode())
            for name, unit in TEXTS.items():
                text = unit * int(MILLIONS * 1e6 / len(unit.encode()))
                asked = {"input": text, "chunk": True}
                path = "/_inference/text_embedding/e?timeout=120s"
                measure(f"chunk: true, {name}", path, json.dumps(asked, ensure_ascii=False).encode())
            many = {"input": ["a"] * 2048}
            measure("2048 embeddings", path, json.dumps(many).encode())
            tiny = {"input": ["a"] * 100_000, "chunking_settings": {"strategy": "none"}}
            measure("_chunk, 100,000 texts", "/_inference/_chunk", json.dumps(tiny).encode())
            process.terminate()
            upstream.terminate()


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        sys.exit(serve())
    main()
