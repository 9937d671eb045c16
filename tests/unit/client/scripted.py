"""A server that follows a script, byte for byte, in a thread: what a command meets on the wire."""

import datetime
import ipaddress
import json
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# Bytes are sent; a callable is waited for, so that a test decides when the server goes on.
Piece = bytes | Callable[[], object]

ONE_DAY = datetime.timedelta(days=1)
LONG = 20.0  # longer than anything takes; only a failing test waits that long


class Asked(NamedTuple):
    """One request as it arrived; ``path`` is not decoded."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class ScriptedServer(ThreadingHTTPServer):
    """Answers request after request with the replies it was given, and closes each connection after it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        self.script: list[Sequence[Piece]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left in the middle is what a test wanted; anything else is shown."""
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def speak_tls(self, certificate: Path) -> None:
        """From now on TLS only; writes to ``certificate`` what a client must trust."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        today = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(today - ONE_DAY).not_valid_after(today + ONE_DAY)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        private = certificate.with_suffix(".key")
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, private)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def reply(self, *pieces: Piece) -> None:
        """Adds a reply, head and all."""
        self.script.append(pieces)

    def reply_json(self, document: object, status: int = 200, *headers: str) -> None:
        """Adds a JSON reply."""
        self.reply(*answer(status, json.dumps(document, ensure_ascii=False).encode(), "application/json", *headers))

    def reply_events(self, *events: Piece, done: bool = True) -> None:
        """Adds a stream of events, ended by ``[DONE]`` unless told otherwise, and then closed."""
        self.reply(EVENT_STREAM_HEAD, *events, *([event("[DONE]")] if done else []))


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def answer(self) -> None:
        """Notes the request and plays the next reply."""
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        self.server.asked.append(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
        self.close_connection = True
        for piece in self.server.script.pop(0) if self.server.script else answer(500, b"not in the script"):
            if isinstance(piece, bytes):
                self.wfile.write(piece)
            else:
                piece()

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def answer(status: int, body: bytes, content_type: str = "text/plain", *headers: str) -> tuple[bytes, ...]:
    """A whole reply with its length."""
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join([*head, "Connection: close", "", ""]).encode(), body)


EVENT_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(data: object, name: str = "message") -> bytes:
    """One event; ``data`` that is no text is written as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"event: {name}\ndata: {text}\n\n".encode()


def chunk(finish_reason: str | None = None, usage: object = None, **delta: object) -> bytes:
    """The event of a chunk as inferd sends it."""
    choice = {"delta": delta, **({"finish_reason": finish_reason} if finish_reason else {}), "index": 0}
    document = {"id": "chatcmpl-1", "choices": [choice], "model": "m", "object": "chat.completion.chunk"}
    return event(document if usage is None else {**document, "choices": [], "usage": usage})


def start(server: ScriptedServer) -> threading.Thread:
    """Serves in a thread until ``server.shutdown()``."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    return thread
