"""Accepting: up to the limit, through errors, and to the end."""

import asyncio
import contextlib
import errno
import io
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inferd.config import Log as LogConfig
from inferd.daemon import acceptor
from inferd.daemon.acceptor import Acceptor, connection_limit
from inferd.log import Log
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.server import Server
from tests.certificates import write_certificate

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Flawed(socket.socket):
    """A listening socket that fails as often as it is told to."""

    failures: list[OSError] = []

    def accept(self) -> tuple[socket.socket, object]:
        """See socket.socket."""
        if self.failures:
            raise self.failures.pop()
        return super().accept()


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
async def server(log: io.StringIO) -> AsyncIterator[Server]:
    async def dispatch(_: Http) -> Answer:
        return Answer(b"served")

    server = Server(dispatch, Log(LogConfig(level="debug"), log), keepalive_timeout=30)
    yield server
    await server.shutdown(1)


@pytest.fixture
def listening() -> Flawed:
    made = Flawed(socket.AF_INET, socket.SOCK_STREAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


def _acceptor(listening: socket.socket, server: Server, limit: int = 10, tls: ssl.SSLContext | None = None) -> Acceptor:
    made = Acceptor([listening], server, server.log, limit=limit, tls=tls)
    made.start()
    return made


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clients:
    """Clients that ask as soon as they are connected."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> Client:
        """One more."""
        reader, writer = await asyncio.open_connection(*listening.getsockname(), ssl=tls)
        self.writers.append(writer)
        writer.write(ASK)
        return reader, writer

    async def close(self) -> None:
        """All leave."""
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def clients(server: Server) -> AsyncIterator[Clients]:
    clients = Clients()
    yield clients
    await clients.close()


async def _served(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(10):
        return (await reader.readuntil(b"served")).startswith(b"HTTP/1.1 200")


async def test_beyond_the_limit_clients_wait_until_another_leaves(
    server: Server, listening: Flawed, clients: Clients, log: io.StringIO
) -> None:
    taken = _acceptor(listening, server, limit=2)
    made = [await clients.connect(listening) for _ in range(5)]
    served = [asyncio.create_task(_served(reader)) for reader, _ in made]
    done, waiting = await asyncio.wait(served, timeout=0.3)
    assert (len(done), len(waiting), taken.connections) == (2, 3, 2)
    assert repr(taken) == "<Acceptor 2 of 2 connections>"
    for task, (_, writer) in zip(served, made, strict=True):
        assert await task
        writer.close()
    assert log.getvalue().count("as many connections as allowed") == 1
    taken.stop(take_waiting=False)


async def test_short_descriptors_are_waited_for_without_a_flood(
    server: Server, listening: Flawed, clients: Clients, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "REST", 0.01)
    listening.failures = [OSError(errno.EMFILE, "Too many open files") for _ in range(5)]
    taken = _acceptor(listening, server)
    reader, _ = await clients.connect(listening)
    assert await _served(reader)
    assert log.getvalue().count("cannot accept connections") == 1 and "Too many open files" in log.getvalue()
    taken.stop(take_waiting=False)


async def test_a_client_that_left_before_it_was_accepted_costs_nothing(
    server: Server, listening: Flawed, clients: Clients, log: io.StringIO
) -> None:
    listening.failures = [ConnectionAbortedError(), BlockingIOError(), InterruptedError()]
    taken = _acceptor(listening, server)
    reader, _ = await clients.connect(listening)
    assert await _served(reader) and log.getvalue() == ""
    taken.stop(take_waiting=False)


async def test_what_waits_at_the_end_is_taken_or_left_to_who_holds_the_socket(
    server: Server, listening: Flawed, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = listening.dup()
    taken = _acceptor(listening, server)
    left, taken_along = await _two_waiting(taken, listening, clients)
    taken.stop(take_waiting=True)
    assert await _served(left[0]) and await _served(taken_along[0])
    assert listening.fileno() == -1
    taken.stop(take_waiting=True)  # Once is enough.
    other = _acceptor(kept, server)
    again = kept.dup()
    left, _ = await _two_waiting(other, kept, clients)
    other.stop(take_waiting=False)
    last = _acceptor(again, server)
    assert await _served(left[0])
    last.stop(take_waiting=False)


async def _two_waiting(taken: Acceptor, listening: socket.socket, clients: Clients) -> tuple[Client, Client]:
    """Two clients that the kernel has accepted and nobody else."""
    taken._pause()
    return await clients.connect(listening), await clients.connect(listening)


async def test_no_more_are_taken_in_one_turn_than_a_batch(
    server: Server, listening: Flawed, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "BATCH", 2)
    taken = _acceptor(listening, server, limit=100)
    taken._pause()
    made = [await clients.connect(listening) for _ in range(7)]
    taken._resume()
    assert all([await _served(reader) for reader, _ in made])
    taken.stop(take_waiting=False)


async def test_a_failed_handshake_is_a_matter_of_one_client(
    server: Server, listening: Flawed, clients: Clients, log: io.StringIO, tmp_path: Path
) -> None:
    write_certificate(tmp_path, "x")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    taken = _acceptor(listening, server, limit=1, tls=context)
    plain, writer = await clients.connect(listening)
    await plain.read()
    writer.close()
    async with asyncio.timeout(10):
        while "no connection came about" not in log.getvalue():
            await asyncio.sleep(0.01)
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    reader, _ = await clients.connect(listening, trusting)
    assert await _served(reader) and taken.connections == 1
    taken.stop(take_waiting=False)


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "limit", "raised"),
    [
        (1024, 1_048_576, 0, (65_536 - 64) // 2, (65_536, 1_048_576)),
        (1024, 4096, 0, (4096 - 64) // 2, (4096, 4096)),
        (128, 128, 0, 32, None),
        (65_536, 65_536, 100, 100, None),
        (65_536, 65_536, 100_000, 65_472, None),
        (100_000, 100_000, 0, (100_000 - 64) // 2, None),
        (1024, resource.RLIM_INFINITY, 7, 7, (65_536, resource.RLIM_INFINITY)),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 0, (65_536 - 64) // 2, None),
        (10, 10, 0, 1, None),
    ],
)
def test_the_limit_is_below_that_of_descriptors(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int, limit: int, raised: tuple[int, int] | None
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    assert connection_limit(wanted) == limit
    assert set_to == ([raised] if raised else [])


def test_where_a_sandbox_forbids_to_raise_it_the_limit_is_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", forbidden)
    assert connection_limit(0) == (1024 - 64) // 2


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
async def test_the_kernel_is_told_to_hold_little_for_a_client_that_does_not_read(
    server: Server, tmp_path: Path, family: socket.AddressFamily
) -> None:
    inet = family == socket.AF_INET
    with socket.socket(family) as listening, socket.socket(family) as client:
        listening.bind(("127.0.0.1", 0) if inet else str(tmp_path / "s"))
        listening.setblocking(False)
        made = _acceptor(listening, server)
        made._pause()
        client.connect(listening.getsockname())
        taken, _ = listening.accept()
        with taken:
            if inet:
                assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == acceptor.MAX_UNSENT
        made.stop(take_waiting=False)
