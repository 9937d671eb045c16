"""The daemon as its operators meet it: a process with a command line, signals, a log and a notify socket."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector

# Far above what anything here takes, so that only a hang fails by it.
PATIENCE = 30.0

# A configuration of the developer must not leak into the tests.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("INFERD_")}

CHAT = {"messages": [{"role": "user", "content": "one two three four five six seven eight nine ten"}]}


class Manager:
    """Hears what a daemon tells the service manager, and remembers it."""

    def __init__(self) -> None:
        # Not in tmp_path: the path of a socket may have 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="inferd-")
        self.address = os.path.join(self._folder.name, "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self._unread: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)
        self.heard: list[str] = []

    async def hears(self, word: str, within: float = PATIENCE) -> str:
        """The next message that holds ``word``; TimeoutError if none comes ``within`` seconds."""
        async with asyncio.timeout(within):
            while True:
                message = await self._unread.get()
                if word in message:
                    return message

    def forget(self) -> None:
        """Drops what was said and not heard yet."""
        while not self._unread.empty():
            self._unread.get_nowait()

    def close(self) -> None:
        """Gives the socket back."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._folder.cleanup()

    def _read(self) -> None:
        message = self._socket.recv(4096).decode()
        self.heard.append(message)
        self._unread.put_nowait(message)


class Daemon:
    """One ``inferd serve`` on a free port, with its state in ``state``. Made by ``running``."""

    def __init__(self, process: asyncio.subprocess.Process, manager: Manager, log: Path, state: Path) -> None:
        self.process = process
        self.manager = manager
        self.log_file = log
        self.state = state
        self.url = ""
        self._told_to_stop = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> list[dict[str, Any]]:
        """Every line it has written so far."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]

    def said(self, message: str) -> list[dict[str, Any]]:
        """The lines of the log that say ``message``."""
        return [line for line in self.log if line["message"] == message]

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._told_to_stop |= number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    async def says(self, message: str) -> dict[str, Any]:
        """The first line of the log that says ``message``, once it is there."""
        async with asyncio.timeout(PATIENCE):
            while not (found := self.said(message)):
                await asyncio.sleep(0.01)
        return found[0]

    async def ended(self, within: float = PATIENCE) -> int:
        """Its exit status, once it has ended."""
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def stopped(self) -> int:
        """Its exit status after SIGTERM, which is sent unless it was; the log must be clean: no bug, no traceback."""
        if self.process.returncode is None and not self._told_to_stop:
            # A second one would end it without a drain.
            self.signal(signal.SIGTERM)
        status = await self.ended()
        text = self.log_file.read_text()
        assert "Traceback" not in text, text
        assert not [line for line in self.log if line["message"] in ("bug", "the event loop had an error", "library")]
        return status


@asynccontextmanager
async def running(
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    command: tuple[str, ...] = ("-m", "inferd", "serve", "--listen", "127.0.0.1:0"),
    launcher: tuple[str, ...] = (),
    pass_fds: tuple[int, ...] = (),
) -> AsyncIterator[Daemon]:
    """A daemon that is ready; it is killed at the end if it did not end by itself."""
    manager, state, log = Manager(), folder / "state", folder / "log"
    settings = {"INFERD_STORE_DIRECTORY": str(state), "NOTIFY_SOCKET": manager.address, **(environ or {})}
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *launcher, sys.executable, *command, *arguments,
            env={**CLEAN, **settings}, stdin=asyncio.subprocess.DEVNULL, stderr=stderr, pass_fds=pass_fds,
        )
    daemon = Daemon(process, manager, log, state)
    try:
        ready = asyncio.create_task(manager.hears("READY=1"))
        ended = asyncio.create_task(process.wait())
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not ready.done():
            ready.cancel()
            raise AssertionError(f"the daemon did not start: {log.read_text()}")
        daemon.url = ready.result().partition(" at ")[2].partition(",")[0]
        yield daemon
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        manager.close()


async def refused_start(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """What a daemon that does not start says: one line and no traceback, with exit status 1."""
    settings = {"INFERD_STORE_DIRECTORY": str(folder / "state"), **(environ or {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inferd", "serve", "--listen", "127.0.0.1:0", *arguments,
        env={**CLEAN, **settings}, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        _, stderr = await process.communicate()
    lines = stderr.decode().splitlines()
    assert (process.returncode, len(lines)) == (1, 1), stderr.decode()
    return lines[0]


async def inferd(*arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit status, output and error output of one ``inferd`` command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inferd", *arguments, env={**CLEAN, **(environ or {})},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, stdout.decode(), stderr.decode()


def unlimited() -> ClientSession:
    """A client that opens as many connections as it is asked to."""
    return ClientSession(connector=TCPConnector(limit=0))


async def make_endpoint(
    client: ClientSession, url: str, inference_id: str = "chat", task: str = "chat_completion", **settings: object
) -> None:
    """Makes an endpoint whose upstream is the daemon's simulator."""
    body = {
        "service": "openai",
        "service_settings": {"api_key": "sk-secret", "model_id": "gpt-4o", "rate_limit": {"requests_per_minute": 10**6}}
        | settings,
    }
    async with client.put(f"{url}/_inference/{task}/{inference_id}", json=body) as answer:
        assert answer.status == 200, await answer.text()
