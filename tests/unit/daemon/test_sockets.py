"""Which sockets the daemon serves at, and who can reach them."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferd.config import Config, Server
from inferd.daemon.sockets import CannotListen, Listening, listen


def _config(address: str) -> Config:
    return Config(server=Server(listen=address))


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Sockets as systemd passes them; fill the list."""
    found: list[socket.socket] = []
    monkeypatch.setattr("inferd.daemon.sockets.systemd.take_sockets", lambda _: found)
    yield found
    for one in found:
        one.close()


@pytest.mark.parametrize(
    ("address", "url", "exposed"),
    [
        ("127.0.0.1:0", "http://127.0.0.1:", False),
        ("localhost:0", "http://", False),
        (":0", "http://127.0.0.1:", False),
        ("0.0.0.0:0", "http://0.0.0.0:", True),
        ("[::1]:0", "http://[::1]:", False),
        ("[::]:0", "http://[::]:", True),
    ],
)
async def test_an_address_is_bound_and_listened_at(address: str, url: str, exposed: bool) -> None:
    if "::" in address and not socket.has_ipv6:
        pytest.skip("needs IPv6")
    listening = await listen(_config(address), {})
    try:
        assert listening.exposed is exposed and not listening.passed
        assert listening.url("http").startswith(url)
        _, port = listening.sockets[0].getsockname()[:2]
        _, writer = await asyncio.open_connection(listening.host if not exposed else None, port)
        writer.close()
    finally:
        listening.close()


@pytest.mark.parametrize("address", ["9200", "host", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", ""])
async def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(CannotListen, match=r"\[server.listen\]: \[.*\] is not address:port"):
        await listen(_config(address), {})


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 70 + ".invalid", "192.0.2.1"])
async def test_what_cannot_be_bound_is_told(host: str) -> None:
    with pytest.raises(CannotListen, match=rf"\[server.listen\]: cannot listen on {host}:1: "):
        await listen(_config(f"{host}:1"), {})


async def test_a_busy_port_is_told_and_leaves_no_socket_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with socket.create_server(("127.0.0.1", 0)) as busy:
        with pytest.raises(CannotListen, match="Address already in use"):
            await listen(_config(f"127.0.0.1:{busy.getsockname()[1]}"), {})
    assert len(os.listdir("/proc/self/fd")) == before


async def test_passed_sockets_go_before_the_option(passed: list[socket.socket]) -> None:
    passed.append(socket.create_server(("127.0.0.1", 0)))
    listening = await listen(_config("nonsense"), {})
    assert listening.passed and listening.sockets == passed
    assert (listening.host, listening.exposed) == ("127.0.0.1", False)


async def test_one_exposed_socket_among_several_decides(passed: list[socket.socket]) -> None:
    passed.extend(socket.create_server((host, 0)) for host in ("127.0.0.1", "0.0.0.0"))
    listening = await listen(_config("nonsense"), {})
    assert (listening.host, listening.exposed) == ("0.0.0.0", True)


async def test_a_unix_socket_is_local(
    passed: list[socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unix = socket.socket(socket.AF_UNIX)
    passed.append(unix)
    # Relative: the path of a socket may have 107 bytes.
    monkeypatch.chdir(tmp_path)
    unix.bind("s")
    listening = await listen(_config("nonsense"), {})
    assert not listening.exposed and listening.url("http") == "unix:s"


async def test_a_datagram_socket_is_refused(passed: list[socket.socket]) -> None:
    passed.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with pytest.raises(CannotListen, match="must use ListenStream="):
        await listen(_config("nonsense"), {})


def test_closing_closes_all() -> None:
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    Listening(made, passed=False).close()
    assert all(one.fileno() == -1 for one in made)
