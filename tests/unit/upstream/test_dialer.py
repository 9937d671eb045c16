"""New connections: which addresses they go to, whom they trust, and how they fail."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.client import HostUnknown, Refused, Unreachable, Untrusted
from inferd.upstream.connection import Connection
from inferd.upstream.dialer import Dialer
from inferd.upstream.http1 import Origin
from inferd.upstream.pool import Pool
from tests.unit.upstream import certificate
from tests.unit.upstream.serving import serving

LONG = 20.0  # longer than anything takes


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says nothing until the other end leaves."""
    await reader.read()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"ask")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await reader.read()


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    await pool.close()


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate.write(tmp_path_factory.mktemp("trusted"))


def dialer(*, private: bool = True, allow: tuple[str, ...] = (), timeout: float = LONG, **more: Any) -> Dialer:
    return Dialer(AddressPolicy(private=private, allow=allow), timeout=timeout, **more)


def to(origin: Origin, pool: Pool) -> tuple[Origin, Callable[[], Connection]]:
    """What ``dial`` is to be called with."""
    return origin, lambda: Connection(origin, pool, 65536)


def unverified(cafile: str | None) -> ssl.SSLContext:
    assert threading.current_thread() is not threading.main_thread(), "files are read beside the loop"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def resolve(monkeypatch: pytest.MonkeyPatch, found: list[str] | Exception) -> None:
    """From now on every name under .test has these addresses."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *more: Any, **options: Any) -> object:
        if not host.rstrip(".").endswith(".test"):
            return real(host, *more, **options)
        if isinstance(found, Exception):
            raise found
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in each], socket.SOCK_STREAM, 6, "", (each, 0)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def body(connection: Connection) -> bytes:
    response = await connection.exchange(b"ask")
    return await response.read()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_connection_is_made_and_belongs_to_its_owner(pool: Pool, address: str) -> None:
    async with serving(answer, address=address) as origin:
        connection = await dialer().dial(*to(origin, pool))
        assert (connection.origin, pool.leased) == (origin, 1)
        assert await body(connection) == b"ok"


async def test_small_writes_leave_at_once(pool: Pool) -> None:
    async with serving(answer) as origin:
        connection = await dialer().dial(*to(origin, pool))
        line = connection.transport.get_extra_info("socket")
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_an_address_that_is_not_allowed_is_never_connected_to(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        with pytest.raises(Refused, match="not allowed by"):
            await dialer(private=False).dial(*to(Origin(False, "127.0.0.1", listening.getsockname()[1]), pool))
        with pytest.raises(BlockingIOError):
            listening.accept()


async def test_of_several_addresses_only_the_allowed_are_tried(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer) as origin:
        resolve(monkeypatch, ["169.254.169.254", "127.0.0.1", "10.1.2.3"])
        named = origin._replace(host="provider.test")
        choosy = dialer(private=False, allow=(f"127.0.0.1:{origin.port}",))
        assert await body(await choosy.dial(*to(named, pool))) == b"ok"
        resolve(monkeypatch, ["169.254.169.254", "fe80::1"])
        with pytest.raises(Refused):
            await dialer().dial(*to(named, pool))


@pytest.mark.parametrize("problem", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
async def test_a_name_that_does_not_resolve(pool: Pool, problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, problem)
    with pytest.raises(HostUnknown):
        await dialer().dial(*to(Origin(False, "nothing.test", 80), pool))


async def test_a_name_that_cannot_be_one(pool: Pool) -> None:
    with pytest.raises(HostUnknown):
        await dialer().dial(*to(Origin(False, "a" * 70 + ".test", 80), pool))


async def test_an_address_that_fails_is_followed_by_the_next_at_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answer) as origin:
        resolve(monkeypatch, ["127.0.0.2", "127.0.0.3", "127.0.0.1"])
        assert await body(await dialer(next_after=LONG).dial(*to(origin._replace(host="provider.test"), pool))) == b"ok"


async def test_an_address_that_is_slow_is_overtaken_by_the_next(
    pool: Pool, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(answer, certificate.server_context(trusted)) as origin,
        serving(hold, address="127.0.0.2", port=origin.port),
    ):
        resolve(monkeypatch, ["127.0.0.2", "127.0.0.1"])
        # The certificate is for the address alone: a name would not do.
        monkeypatch.setattr("inferd.upstream.dialer.ssl.create_default_context", unverified)
        connection = await dialer(next_after=0.01).dial(*to(origin._replace(host="provider.test"), pool))
        assert await body(connection) == b"ok"


async def test_the_families_take_turns(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    async def create_connection(factory: object, host: str, *more: Any, **options: Any) -> object:
        tried.append(host)
        raise OSError(101, "unreachable")

    resolve(monkeypatch, ["::1", "fc00::1", "fc00::2", "127.0.0.1", "::1"])
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    with pytest.raises(Unreachable, match="Network is unreachable"):
        await dialer().dial(*to(Origin(False, "provider.test", 80), pool))
    assert tried == ["::1", "127.0.0.1", "fc00::1", "fc00::2"]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
async def test_nobody_there(pool: Pool, addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, addresses)
    with pytest.raises(Unreachable, match="^Connection refused$") as trouble:
        await dialer().dial(*to(Origin(False, "provider.test", closed_port()), pool))
    assert trouble.value.again and pool.leased == 0


async def test_two_that_come_about_at_once_leave_one(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first waits for the second to be asked, and then both are there in the same turn of the loop."""
    both = asyncio.Barrier(2)
    loop = asyncio.get_running_loop()
    real = loop.create_connection

    async def create_connection(*arguments: Any, **options: Any) -> object:
        made = await real(*arguments, **options)
        await both.wait()
        return made

    async with serving(answer) as origin, serving(answer, address="127.0.0.2", port=origin.port):
        resolve(monkeypatch, ["127.0.0.1", "127.0.0.2"])
        monkeypatch.setattr(loop, "create_connection", create_connection)
        connection = await dialer(next_after=0.01).dial(*to(origin._replace(host="provider.test"), pool))
        while pool.leased > 1:
            await asyncio.sleep(0)
        assert await body(connection) == b"ok"


async def test_tls_is_spoken_and_verified(pool: Pool, trusted: Path) -> None:
    async with serving(answer, certificate.server_context(trusted)) as origin:
        connection = await dialer(ca_file=str(trusted)).dial(*to(origin, pool))
        assert await body(connection) == b"ok"
        assert connection.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def test_a_certificate_nobody_vouches_for_is_refused(pool: Pool, trusted: Path) -> None:
    async with serving(answer, certificate.server_context(trusted)) as origin:
        with pytest.raises(Untrusted, match="the upstream's certificate is not trusted: self-signed certificate"):
            await dialer().dial(*to(origin, pool))
    assert pool.leased == 0


async def test_a_certificate_of_another_host_is_refused(
    pool: Pool, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answer, certificate.server_context(trusted)) as origin:
        resolve(monkeypatch, ["127.0.0.1"])
        with pytest.raises(Untrusted, match="Hostname mismatch, certificate is not valid for 'provider.test'"):
            await dialer(ca_file=str(trusted)).dial(*to(origin._replace(host="provider.test."), pool))


async def test_an_upstream_that_speaks_no_tls_is_unreachable(pool: Pool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await hold(reader, writer)

    async with serving(talk) as origin:
        with pytest.raises(Unreachable, match="TLS failed: WRONG_VERSION_NUMBER"):
            await dialer().dial(*to(origin._replace(tls=True), pool))


async def test_an_upstream_that_leaves_during_the_handshake_is_unreachable(pool: Pool) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async with serving(leave) as origin:
        with pytest.raises(Unreachable):
            await dialer().dial(*to(origin._replace(tls=True), pool))


@pytest.mark.parametrize(("timeout", "within"), [(0.05, LONG), (LONG, 0.05)])
async def test_an_upstream_that_never_shakes_hands_is_given_up(pool: Pool, timeout: float, within: float) -> None:
    expected, told = (Unreachable, r"\[upstream\] connect_timeout") if timeout < within else (TimeoutError, "^$")
    async with serving(hold) as origin:
        with pytest.raises(expected, match=told):
            until = asyncio.get_running_loop().time() + within
            await dialer(timeout=timeout).dial(*to(origin._replace(tls=True), pool), until)


async def test_whoever_gives_up_leaves_no_connection(pool: Pool) -> None:
    left = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.set()
        await hold(reader, writer)
        left.set()

    begun = asyncio.Event()
    async with serving(wait) as origin:
        dialing = dialer()
        task = asyncio.create_task(dialing.dial(*to(origin._replace(tls=True), pool)))
        await begun.wait()
        assert dialing.pending == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await left.wait()
    assert (dialing.pending, pool.leased) == (0, 0)


async def test_a_name_server_that_says_nothing_is_waited_for_no_longer_than_any_other(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: said.wait(LONG) and [])
    dialing = dialer(timeout=0.05)
    try:
        with pytest.raises(Unreachable, match=r"no connection within \[upstream\] connect_timeout"):
            await dialing.dial(*to(Origin(False, "slow.test", 80), pool))
        async with serving(answer) as origin:
            connection = await dialer().dial(*to(origin, pool))
            assert await body(connection) == b"ok"
    finally:
        said.set()
        dialing.close()


async def test_certificates_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        dialer(ca_file=str(tmp_path / "none.pem"))
