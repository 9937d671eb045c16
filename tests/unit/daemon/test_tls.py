"""The certificate: what is shown, what is refused, and that a reload is all or nothing."""

import ssl
from pathlib import Path

import pytest

from inferd.config import Tls
from inferd.daemon.tls import Certificate, CertificateUnusable
from tests.certificates import write_certificate

FILES = Tls(cert="cert.pem", key="key.pem")


def _shown(certificate: Certificate, *, named: bool = True) -> bytes:
    """What a client of the context is shown, in memory; with or without a name in its hello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname="inferd.example" if named else None)
    server = certificate.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    shown = client.getpeercert(binary_form=True)
    assert shown is not None and client.version() in ("TLSv1.2", "TLSv1.3")
    return shown


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    write_certificate(tmp_path, "first")
    return {"CREDENTIALS_DIRECTORY": str(tmp_path)}


def _pem(folder: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text())


def test_no_certificate_is_no_tls() -> None:
    assert Certificate.of(Tls(), {}) is None


@pytest.mark.parametrize("named", [True, False])
def test_a_reload_shows_what_the_files_hold_now(environ: dict[str, str], tmp_path: Path, named: bool) -> None:
    certificate = Certificate.of(FILES, environ)
    assert certificate is not None
    first = _pem(tmp_path)
    assert _shown(certificate, named=named) == first
    context = certificate.context
    write_certificate(tmp_path, "second")
    assert _shown(certificate, named=named) == first
    certificate.reload(FILES)
    assert _shown(certificate, named=named) == _pem(tmp_path) != first
    assert certificate.context is context and context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_bad_pair_changes_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    certificate = Certificate(FILES, environ)
    first, key = _pem(tmp_path), (tmp_path / "key.pem").read_bytes()
    write_certificate(tmp_path, "second")
    (tmp_path / "key.pem").write_bytes(key)
    with pytest.raises(CertificateUnusable, match="are no certificate and its key: KEY_VALUES_MISMATCH"):
        certificate.reload(FILES)
    (tmp_path / "key.pem").write_text("nonsense")
    with pytest.raises(CertificateUnusable, match="are no certificate and its key"):
        certificate.reload(FILES)
    (tmp_path / "key.pem").unlink()
    with pytest.raises(CertificateUnusable, match=r"\[tls.key\]: .* cannot be read: No such file"):
        certificate.reload(FILES)
    assert _shown(certificate) == first


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        (Tls(cert="cert.pem"), r"\[tls.key\]: a certificate needs its key"),
        (Tls(key="key.pem"), r"\[tls.cert\]: a key needs its certificate"),
        (Tls(cert="nothing", key="key.pem"), r"\[tls.cert\]: .*/nothing cannot be read"),
    ],
)
def test_what_is_missing_is_named(environ: dict[str, str], tls: Tls, told: str) -> None:
    with pytest.raises(CertificateUnusable, match=told):
        Certificate.of(tls, environ)


def test_names_with_a_path_and_names_without_credentials_are_files(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = Tls(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem"))
    assert _shown(Certificate(absolute, {"CREDENTIALS_DIRECTORY": "/nowhere"})) == _pem(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert _shown(Certificate(FILES, {})) == _pem(tmp_path)


def test_a_key_with_a_password_is_refused_without_asking_for_it(environ: dict[str, str], tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    (tmp_path / "key.pem").write_bytes(sealed)
    with pytest.raises(CertificateUnusable, match="are no certificate and its key"):
        Certificate(FILES, environ)
