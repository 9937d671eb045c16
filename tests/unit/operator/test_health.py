"""``inferd health`` against servers that say this and that."""

import argparse
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferd.operator import health
from tests.certificates import write_certificate


class _Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        word = b"ok" if self.status == 200 and self.path == "/readyz" else b"draining"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(word)))
        self.end_headers()
        self.wfile.write(word)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    monkeypatch.delenv("INFERD_URL", raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), _Answers) as server:
        yield server


def _run(server: http.server.HTTPServer | None, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    health.add_arguments(parser)
    thread = threading.Thread(target=server.handle_request) if server is not None else None
    if thread is not None:
        thread.start()
    try:
        return health.run(parser.parse_args(arguments))
    finally:
        if thread is not None:
            thread.join(10)


def _url(server: http.server.HTTPServer, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_address[1]}"


def test_ready_is_0_and_ok(server: http.server.HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(server, "--url", _url(server) + "/") == 0
    assert capsys.readouterr() == ("ok\n", "")


def test_the_environment_names_it_too_and_proxies_are_not_asked(
    server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INFERD_URL", _url(server))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert _run(server) == 0
    assert capsys.readouterr().out == "ok\n"


def test_not_ready_is_1_and_why(
    server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_Answers, "status", 503)
    assert _run(server, "--url", _url(server)) == 1
    assert capsys.readouterr() == ("", "draining\n")


@pytest.mark.parametrize(
    ("url", "told"),
    [("http://127.0.0.1:1", "refused"), ("ftp://x", "is not an http or https URL"), ("http://[", "Invalid IPv6 URL")],
)
def test_nobody_there_is_1(url: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(None, "--url", url) == 1
    assert told in capsys.readouterr().err


def test_over_tls_the_certificate_counts(
    server: http.server.HTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_certificate(tmp_path, "x")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    assert _run(server, "--url", _url(server, "https"), "--ca-file", str(tmp_path / "cert.pem")) == 0
    assert capsys.readouterr().out == "ok\n"
    assert _run(None, "--url", _url(server, "https"), "--ca-file", str(tmp_path / "nothing")) == 1
