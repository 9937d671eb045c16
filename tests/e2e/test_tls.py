"""TLS: the certificate, its reload, a bad one, and who speaks none."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from cryptography import x509

from tests.certificates import write_certificate
from tests.e2e.daemon_process import CHAT, Daemon, inferd, make_endpoint, refused_start, running


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon whose certificate is that of "first"; the files are credentials, named without a path."""
    write_certificate(tmp_path, "first")
    environ = {
        "INFERD_TLS_CERT": "cert.pem", "INFERD_TLS_KEY": "key.pem", "CREDENTIALS_DIRECTORY": str(tmp_path),
    }  # fmt: skip
    async with running(tmp_path, "--simulate", environ=environ) as daemon:
        yield daemon
        assert await daemon.stopped() == 0


def _trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "cert.pem")


async def _shown(daemon: Daemon, context: ssl.SSLContext | None = None) -> str:
    """The name in the certificate that a new client is shown."""
    if context is None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", daemon.port, ssl=context)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    subject = x509.load_der_x509_certificate(certificate).subject
    return subject.rfc4514_string().removeprefix("CN=")


async def test_clients_are_served_over_tls(secure: Daemon, tmp_path: Path) -> None:
    assert secure.url.startswith("https://127.0.0.1:")
    async with ClientSession(connector=TCPConnector(ssl=_trusting(tmp_path))) as client:
        await make_endpoint(client, secure.url)
        async with client.post(f"{secure.url}/_inference/chat_completion/chat/_unified", json=CHAT) as answer:
            assert (await answer.read()).endswith(b"data: [DONE]\n\n")


async def test_a_reload_shows_the_new_certificate_and_old_connections_live_on(secure: Daemon, tmp_path: Path) -> None:
    async with ClientSession(connector=TCPConnector(ssl=_trusting(tmp_path), limit=1)) as client:
        async with client.get(f"{secure.url}/livez") as answer:
            assert answer.status == 200
        write_certificate(tmp_path, "second")
        assert await _shown(secure) == "first"
        secure.signal(signal.SIGHUP)
        await secure.manager.hears("READY=1")
        assert await _shown(secure) == "second"
        # This client trusts the first certificate alone.
        async with client.get(f"{secure.url}/livez") as answer:
            assert answer.status == 200


async def test_a_certificate_whose_key_is_another_changes_nothing(secure: Daemon, tmp_path: Path) -> None:
    before = (tmp_path / "key.pem").read_bytes()
    write_certificate(tmp_path, "second")
    (tmp_path / "key.pem").write_bytes(before)
    secure.signal(signal.SIGHUP)
    problem = (await secure.says("configuration has not been changed"))["problem"]
    assert "are no certificate and its key: KEY_VALUES_MISMATCH" in problem
    assert await _shown(secure) == "first"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_older_than_1_2_is_refused(secure: Daemon) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await _shown(secure, context)
    assert await _shown(secure) == "first"


async def test_a_client_that_speaks_plain_http_harms_nobody(secure: Daemon) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: ApiKey sk-secret\r\n\r\n")
    assert b"200" not in await reader.read()
    writer.close()
    assert await _shown(secure) == "first"
    assert "sk-secret" not in secure.log_file.read_text()


async def test_health_is_asked_over_tls(secure: Daemon, tmp_path: Path) -> None:
    assert await inferd("health", "--url", secure.url, "--ca-file", str(tmp_path / "cert.pem")) == (0, "ok\n", "")
    status, _, told = await inferd("health", "--url", secure.url)
    assert status == 1 and "certificate verify failed" in told


@pytest.mark.parametrize(
    ("cert", "key", "told"),
    [
        ("nowhere.pem", "key.pem", "[tls.cert]: {folder}/nowhere.pem cannot be read: No such file or directory"),
        ("cert.pem", "nowhere.pem", "[tls.key]: {folder}/nowhere.pem cannot be read: No such file or directory"),
        ("key.pem", "cert.pem", "are no certificate and its key"),
        ("cert.pem", "", "[tls.key]: a certificate needs its key"),
        ("", "key.pem", "[tls.cert]: a key needs its certificate"),
    ],
)
async def test_what_is_wrong_with_the_certificate_stops_the_start(
    tmp_path: Path, cert: str, key: str, told: str
) -> None:
    write_certificate(tmp_path, "first")
    environ = {"INFERD_TLS_CERT": cert, "INFERD_TLS_KEY": key, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert told.format(folder=tmp_path) in await refused_start(tmp_path, environ=environ)
