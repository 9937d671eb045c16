"""The programs of a run: made, started, pinned to a core, and ended."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
HOST = "127.0.0.1"
GATEWAY_CORE, LOAD_CORE = "0", "1"
START_TIME = 20.0

NGINX = """
daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 16000; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream mock {{ server {host}:{upstream}; keepalive 4096; keepalive_requests 100000000; }}
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""

INFERD = """
[server]
listen = "{host}:{port}"
[store]
directory = "{folder}/store-{port}"
[inference]
validate_on_put = "off"
[upstream]
client = "{client}"
[log]
format = "json"
"""


class Gateway(NamedTuple):
    """A running program that takes requests at ``port``; ``pid`` is the process that does the work."""

    name: str
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU all of its threads have used."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> float:
        """Resident MB."""
        (line,) = [line for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if "VmRSS" in line]
        return int(line.split()[1]) / 1024


def free_port() -> int:
    """A port nobody listens at."""
    with socket.create_server((HOST, 0)) as listening:
        return int(listening.getsockname()[1])


def build(name: str, folder: Path) -> Path:
    """The compiled program of ``name``.c."""
    program = folder / name
    subprocess.run(["gcc", "-O2", "-o", str(program), str(HERE / f"{name}.c")], check=True)
    return program


@contextmanager
def running(command: Sequence[str], core: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``command`` on its core, what it says in ``log``; ended at the end."""
    with log.open("ab") as said:
        process = subprocess.Popen(["taskset", "-c", core, *command], stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, seconds: float = START_TIME) -> None:
    """Returns once somebody listens at ``port``; TimeoutError if nobody does for so many ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.002)
    raise TimeoutError(f"nothing listens at port {port}")


@contextmanager
def upstream(folder: Path) -> Iterator[int]:
    """The mock upstream, serving the files in ``folder``; its port."""
    port = free_port()
    with running([str(build("upstream", folder)), str(port), str(folder)], LOAD_CORE, folder / "upstream.log"):
        wait_for(port)
        yield port


@contextmanager
def nginx(folder: Path, upstream_port: int) -> Iterator[Gateway]:
    """nginx with one worker, nothing logged, nothing buffered."""
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, host=HOST, port=port, upstream=upstream_port))
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(conf)]
    with running(command, GATEWAY_CORE, folder / "nginx.said") as master:
        wait_for(port)
        # It listens before it has the worker that will do all the work.
        while not (children := Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()):
            time.sleep(0.002)
        yield Gateway("nginx", port, int(children[0]))


@contextmanager
def inferd(
    folder: Path, name: str, client: str, *, under: Sequence[str] = (), seconds: float = START_TIME
) -> Iterator[Gateway]:
    """inferd as it is installed: its limiter, metrics and log on; ``under`` another program, if need be.

    TimeoutError if it does not listen within so many ``seconds``.
    """
    port = free_port()
    conf = folder / f"{name}.toml"
    conf.write_text(INFERD.format(folder=folder, host=HOST, port=port, client=client))
    command = [*under, sys.executable, "-m", "inferd", "serve", "--config", str(conf)]
    with running(command, GATEWAY_CORE, folder / f"{name}.log") as process:
        wait_for(port, seconds)
        yield Gateway(name, port, process.pid)


def started(folder: Path) -> tuple[float, float]:
    """Seconds from starting inferd to its first answer, and the MB it then rests at."""
    # As pip does when it installs; to compile a checkout that was changed takes as long again as the start.
    subprocess.run([sys.executable, "-m", "compileall", "-q", "inferd"], check=True)
    began = time.monotonic()
    with inferd(folder, "start", "inferd") as gateway:
        ask(gateway.port, "GET", "/")
        seconds = time.monotonic() - began
        time.sleep(0.5)
        return seconds, gateway.memory()


def ask(port: int, method: str, path: str, document: object = None) -> bytes:
    """The answer to one request; RuntimeError unless it is 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=START_TIME)
    body = None if document is None else json.dumps(document)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    said = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {response.status} {said[:500]!r}")
    return said


def core_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))
