"""What is measured of a gateway: one call, one figure or a few."""

import json
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

from bench.gateway.programs import HOST, LOAD_CORE, Gateway
from bench.gateway.work import COMPLETION, Work

CONNECTIONS = 32
LATENCY_RATE = 20.0

_LUA = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = {body}\n'


class Streams(NamedTuple):
    """What became of many streams."""

    whole: int
    cpu_us: float
    first_p99: float
    gap_p99: float
    rate: float
    memory: float


class Bench:
    """Measures; the programs and scripts it needs are in ``folder``, ``reader`` is the compiled reader of streams."""

    def __init__(self, folder: Path, reader: Path) -> None:
        self._folder = folder
        self._reader = reader

    def unary(self, gateway: Gateway, work: Work, seconds: int) -> tuple[float, float]:
        """CPU microseconds a request, and requests a second."""
        script = self._folder / f"{work.name}.lua"
        script.write_text(_LUA.format(body=json.dumps(json.dumps(work.body))))
        url = f"http://{HOST}:{gateway.port}{work.path(gateway)}"
        before = gateway.cpu()
        said = _on_load_core("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url)
        used = gateway.cpu() - before
        if "Non-2xx" in said or "Socket errors" in said:
            raise RuntimeError(f"{gateway.name}, {work.name}: {said}")
        found = re.search(r"(\d+) requests in", said)
        count = int(found[1]) if found else 0
        return used / count * 1e6, count / seconds

    def streams(self, gateway: Gateway, work: Work, connections: int, count: int, ramp: float) -> Streams:
        """Streams of ``work``, ``count`` of them over ``connections`` opened within ``ramp`` seconds."""
        body = self._folder / f"{work.name}.body"
        body.write_text(json.dumps(work.body))
        events = int(work.upstream.split("/")[2])
        before, highest = gateway.cpu(), _Highest(gateway)
        arguments = (gateway.port, work.path(gateway), body, connections, count, events, ramp * 1000)
        with highest:
            told = json.loads(_on_load_core(str(self._reader), *map(str, arguments)))
        cpu = (gateway.cpu() - before) / max(told["events"], 1) * 1e6
        rate = told["events"] / told["seconds"]
        return Streams(told["whole"], cpu, told["first_p99"], told["gap_p99"], rate, highest.rise)


def latency(gateway: Gateway, seconds: float) -> float:
    """The median, in milliseconds, of a completion asked for twenty times a second on one connection."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    try:
        return _latency(gateway, seconds)
    finally:
        os.sched_setaffinity(0, everywhere)


def _latency(gateway: Gateway, seconds: float) -> float:
    body = json.dumps(COMPLETION.body).encode()
    head = f"POST {COMPLETION.path(gateway)} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    taken = []
    with socket.create_connection((HOST, gateway.port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(round(seconds * LATENCY_RATE)):
            began = time.perf_counter()
            line.sendall(request)
            _read_answer(line)
            taken.append(time.perf_counter() - began)
            time.sleep(max(0.0, 1 / LATENCY_RATE - taken[-1]))
    return sorted(taken)[len(taken) // 2] * 1000


def _read_answer(line: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += line.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *(\d+)", head)
    missing = int(found[1] if found else 0) - len(body)
    while missing > 0:
        missing -= len(line.recv(65536))


class _Highest:
    """Watches the memory of a gateway; ``rise`` is by how many MB it rose."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._base = gateway.memory()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.rise = 0.0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.rise = max(self.rise, self._gateway.memory() - self._base)


def _on_load_core(*command: str) -> str:
    return subprocess.run(["taskset", "-c", LOAD_CORE, *command], check=True, capture_output=True, text=True).stdout
