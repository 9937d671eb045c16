"""A day in small: requests of every kind and streams against a real daemon, and what it holds after every tenth.

Run by hand: ``python -m bench.day [--requests 1000000] [--streams 100000]``. The daemon has a core; the upstream and
the clients (``day.c``) have another. What is held is looked at when nothing is being served: resident memory,
descriptors, threads, asyncio tasks and objects of the collector. The exit status is 0 if all answers were as expected
and nothing has grown since the second tenth.
"""

import argparse
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.gateway import programs, work
from bench.gateway.programs import HOST, Gateway

TENTHS = 10
CYCLE = 10_000
CONNECTIONS = 64
# Between a PUT, its endpoint's use and its DELETE lie so many requests: a slow sync must not let one overtake another.
APART = 3_000

# What may be held more at the end than after the second tenth: idle connections come and go, and the limits of
# endpoints deleted within the last minute are remembered, more of them when the machine is quick.
MEMORY_GROWTH = 8.0
OTHER_GROWTH = 16
OBJECT_GROWTH = 8_000

REST_TIME = 30.0

# The daemon, and a word from inside at SIGUSR1.
DAEMON = """
import asyncio, gc, json, os, signal, sys
from inferd.cli import main
def tell(*_):
    gc.collect()
    os.write(1, json.dumps([len(asyncio.all_tasks()), len(gc.get_objects())]).encode() + b"\\n")
signal.signal(signal.SIGUSR1, tell)
sys.exit(main())
"""

TOO_LONG = ("Content-Type: application/json", "Content-Length: 99999999", "Connection: close")

CHAT = work.BURST._replace(name="chat", upstream="/sse/20/0")
PACED = work.BURST._replace(name="slow", upstream="/sse/20/10")
BROKEN = work.COMPLETION._replace(name="broken", upstream="/hang-up")
WORKS = (work.COMPLETION, work.EMBEDDING, work.EMBEDDING_BATCH, CHAT, PACED, BROKEN)


class Held(NamedTuple):
    """What the daemon holds when it rests; memory in MB, ``peak`` since the last look."""

    memory: float
    peak: float
    descriptors: int
    threads: int
    tasks: int
    objects: int


class Request(NamedTuple):
    """One request: the status that is right, a word near the end of the right answer, the bytes."""

    status: int
    word: str
    sent: bytes


def request(
    status: int, method: str, path: str, body: object = None, *headers: str, word: str = "-", packed: bool = False
) -> Request:
    """One that is HTTP."""
    data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: day", *headers]
    if packed:
        data = gzip.compress(data)
        lines.append("Content-Encoding: gzip")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return Request(status, word, "\r\n".join((*lines, "", "")).encode() + data)


def asked(which: work.Work, status: int = 200, word: str = "-", packed: bool = False) -> Request:
    """The request for one kind of work."""
    streams = "/_unified" if which.task == "chat_completion" else ""
    path = f"/_inference/{which.task}/{which.name}{streams}"
    return request(status, "POST", path, which.body, word=word, packed=packed)


def mix() -> list[Request]:
    """``CYCLE`` requests that are no streams, in an order that is the same at every run."""
    kinds = (
        (3_500, asked(work.COMPLETION)),
        (2_500, asked(work.EMBEDDING)),
        (200, asked(work.EMBEDDING_BATCH)),
        (200, asked(work.COMPLETION, packed=True)),
        (700, request(200, "GET", "/_inference/completion/completion")),
        (100, request(200, "GET", "/_inference/_all")),
        (100, request(200, "GET", "/readyz", None, "Connection: close")),
        (100, request(200, "GET", "/_health")),
        (50, request(200, "GET", "/metrics")),
        (500, request(404, "POST", "/_inference/completion/nobody", {"input": "a"})),
        (400, request(400, "POST", "/_inference/completion/completion", {"prompt": "a"})),
        (400, request(400, "POST", "/_inference/completion/completion", '{"input":')),
        (300, request(400, "PUT", "/_inference/completion/new", {"service": "nobody"})),
        (200, request(404, "DELETE", "/_inference/nobody-@@@@@@")),
        (200, request(405, "PATCH", "/_inference/completion/completion")),
        (100, request(413, "POST", "/_inference/completion/completion", None, *TOO_LONG)),
        (100, Request(400, "-", b"NO HTTP AT ALL\r\n\r\n")),
        (10, asked(BROKEN, 502)),
    )
    mixed = [one for count, one in kinds for _ in range(count)]
    random.Random(1).shuffle(mixed)
    return mixed


def with_endpoints(mixed: list[Request], port: int) -> list[Request]:
    """The same with new endpoints that are made, used, and deleted; their names never come again."""
    count = (CYCLE - len(mixed)) // 3
    for stage, at in enumerate((0, APART, 2 * APART)):
        for number in range(count):
            path = f"/_inference/completion/day-@@@@@@-{number}"
            made = request(200, "PUT", path, settings(work.COMPLETION, port))
            used = request(200, "POST", path, work.COMPLETION.body)
            # Spread, too: the syncs of many at once would take longer than the others' requests in between.
            mixed.insert(at + APART // count * number, (made, used, request(200, "DELETE", path))[stage])
    return mixed


def with_streams(mixed: list[Request], count: int) -> list[Request]:
    """The same with ``count`` streams among them: one in fifty is slow, one in a hundred is left by its client."""
    streams = [asked(CHAT, word="[DONE]") for _ in range(count)]
    for number in range(0, count, 50):
        streams[number] = asked(PACED, word="leave" if number % 100 else "[DONE]")
    step = max(len(mixed) // count, 1) if count else 1
    for number, stream in enumerate(streams):
        mixed.insert(number * (step + 1), stream)
    return mixed


def settings(which: work.Work, port: int) -> dict[str, object]:
    """The document of an endpoint for ``which``."""
    url = f"http://{HOST}:{port}{which.upstream}"
    limit = {"requests_per_minute": 100_000_000}
    return {"service": "openai", "service_settings": {"api_key": "k", "model_id": "m", "url": url, "rate_limit": limit}}


@contextmanager
def daemon(folder: Path) -> Iterator[tuple[Gateway, "subprocess.Popen[bytes]"]]:
    """inferd with its log on; of that only what is not about one request is kept."""
    port, conf = programs.free_port(), folder / "inferd.toml"
    conf.write_text(programs.INFERD.format(folder=folder, host=HOST, port=port, client="inferd"))
    command = ("taskset", "-c", programs.GATEWAY_CORE, sys.executable, "-c", DAEMON, "serve", "--config", str(conf))
    with (folder / "log").open("wb") as log:
        kept = subprocess.Popen(
            ("taskset", "-c", programs.LOAD_CORE, "grep", "-Ev", '"message":"(request|malformed request)"'),
            stdin=subprocess.PIPE, stdout=log,
        )  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=kept.stdin)
    assert kept.stdin is not None
    kept.stdin.close()
    try:
        programs.wait_for(port)
        yield Gateway("inferd", port, process.pid), process
    finally:
        process.send_signal(signal.SIGTERM)
        print(f"exit status {process.wait()}")
        kept.wait()
        print((folder / "log").read_text(), end="")


def held(gateway: Gateway, process: "subprocess.Popen[bytes]") -> Held:
    """What is held once nothing is being served but this question."""
    until = time.monotonic() + REST_TIME
    while json.loads(programs.ask(gateway.port, "GET", "/_health"))["open_requests"] > 1:
        if time.monotonic() > until:
            raise TimeoutError("requests are open that nobody waits for")
        time.sleep(0.1)
    time.sleep(1.0)
    process.send_signal(signal.SIGUSR1)
    assert process.stdout is not None
    tasks, objects = json.loads(process.stdout.readline())
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    status = {name: value.split()[0] for name, value in (line.split(":", 1) for line in lines) if value.split()}
    # The highest is counted anew from here on.
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
    peak = int(status["VmHWM"]) / 1024
    return Held(int(status["VmRSS"]) / 1024, peak, descriptors, int(status["Threads"]), tasks, objects)


def pass_the_day(folder: Path, requests: int, streams: int) -> bool:
    """Prints the table; whether all was as it should be."""
    work.write_answers(folder)
    with programs.upstream(folder) as upstream, daemon(folder) as (gateway, process):
        for which in WORKS:
            programs.ask(gateway.port, "PUT", f"/_inference/{which.task}/{which.name}", settings(which, upstream))
        cycle = with_streams(with_endpoints(mix(), upstream), round(CYCLE * streams / requests))
        written = b"".join(b"%d %s %d\n%s" % (one.status, one.word.encode(), len(one.sent), one.sent) for one in cycle)
        (folder / "requests").write_bytes(written)
        client = folder / "day"
        subprocess.run(["gcc", "-O2", "-o", str(client), str(Path(__file__).with_name("day.c"))], check=True)
        print("| answers | right | left | a second | MB | MB at most | descriptors | threads | tasks | objects |")
        print("| --- " * 10 + "|")
        looks, wrong, part = [], 0, (requests + streams) // TENTHS
        print(row(0, {"right": 0, "left": 0}, 0.0, held(gateway, process)))
        for tenth in range(TENTHS):
            began = time.monotonic()
            arguments = (gateway.port, folder / "requests", CONNECTIONS, part, tenth * part)
            command = ("taskset", "-c", programs.LOAD_CORE, str(client), *map(str, arguments))
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            rate = part / (time.monotonic() - began)
            looks.append(held(gateway, process))
            wrong += told["answers"] - told["right"] - told["left"]
            print(row((tenth + 1) * part, told, rate, looks[-1]), flush=True)
    print(f"{wrong} answers were not as expected")
    return wrong == 0 and flat(looks[1], looks[-1])


def row(answers: int, told: dict[str, int], rate: float, now: Held) -> str:
    """One line of the table."""
    cells = (answers, told["right"], told["left"], round(rate), *(round(value, 1) for value in now))
    return f"| {' | '.join(f'{cell:,}' for cell in cells)} |"


def flat(early: Held, late: Held) -> bool:
    """Whether nothing has grown."""
    return (
        late.memory - early.memory < MEMORY_GROWTH
        and late.descriptors - early.descriptors < OTHER_GROWTH
        and late.threads == early.threads
        and late.tasks - early.tasks < OTHER_GROWTH
        and late.objects - early.objects < OBJECT_GROWTH
    )


def main(arguments: Sequence[str]) -> int:
    """See above."""
    parser = argparse.ArgumentParser(prog="python -m bench.day", description="A day in small.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--streams", type=int, default=100_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        return 0 if pass_the_day(Path(name), options.requests, options.streams) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
