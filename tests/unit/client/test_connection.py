"""connection: a request, its answer, and one line for each way to fail."""

import signal
import socket
import threading
from pathlib import Path

import msgspec
import pytest

from inferd import __version__
from inferd.client.connection import exchange, listen
from inferd.client.failures import ClientFailure, Misuse, ServerRefused, StreamCut, Unreachable
from inferd.client.target import Target
from tests.unit.client.scripted import LONG, ScriptedServer, answer, event


def test_a_request_says_who_asks_and_what(server: ScriptedServer) -> None:
    server.reply_json({"grüße": 1.0})
    reply = exchange(Target(server.url, "k1"), "PUT", "/a%2Fb", body={"ü": [1]}, query={"q": "1 2"})
    assert reply.text() == '{"grüße": 1.0}\n'
    assert reply.indented() == '{\n  "grüße": 1.0\n}\n'
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query, asked.json()) == ("PUT", "/a%2Fb", {"q": "1 2"}, {"ü": [1]})
    assert asked.headers["authorization"] == "ApiKey k1"
    assert asked.headers["user-agent"] == f"inferd/{__version__}"
    assert asked.headers["content-type"] == "application/json"


def test_a_request_without_a_body_has_no_content_type(server: ScriptedServer) -> None:
    server.reply_json({})
    exchange(Target(server.url), "GET", "/x")
    assert "content-type" not in server.asked[0].headers


def test_bytes_go_out_as_they_are(server: ScriptedServer) -> None:
    server.reply_json({})
    exchange(Target(server.url), "PUT", "/x", body=b"{not json")
    assert server.asked[0].body == b"{not json"


def test_warnings_are_read(server: ScriptedServer) -> None:
    server.reply_json({}, 200, 'Warning: 299 inferd-1 "said \\"hi\\"", 299 inferd-1 "and, bye"', "Warning: odd")
    assert exchange(Target(server.url), "GET", "/x").warnings == ['said "hi"', "and, bye", "odd"]


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_refusal_is_raised(server: ScriptedServer, status: int) -> None:
    server.reply_json({"error": "no"}, status, "Location: /elsewhere")
    with pytest.raises(ServerRefused, match=f"^{server.url} answered {status}: no$"):
        exchange(Target(server.url), "GET", "/x")
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b'"\xff"', b"[]"])
def test_an_answer_of_another_kind_is_told(server: ScriptedServer, body: bytes) -> None:
    server.reply(*answer(200, body))
    reply = exchange(Target(server.url), "GET", "/x")
    with pytest.raises(ClientFailure, match=f"{server.url} gave an answer that is not inferd's"):
        reply.read(dict[str, str])


def test_an_answer_that_is_no_json_cannot_be_indented(server: ScriptedServer) -> None:
    server.reply(*answer(200, b"<html>"))
    with pytest.raises(ClientFailure, match="not inferd's"):
        exchange(Target(server.url), "GET", "/x").indented()


def test_a_server_that_is_not_there_is_named() -> None:
    with ScriptedServer() as gone:
        pass
    with pytest.raises(Unreachable, match=f"^cannot reach {gone.url}: Connection refused$"):
        exchange(Target(gone.url), "GET", "/x")
    with pytest.raises(Unreachable, match=f"^cannot reach {gone.url}: Connection refused$"):
        listen(Target(gone.url), "/x", {}, print)


def test_a_name_that_cannot_be_one_is_named() -> None:
    url = f"http://{'a' * 70}.example"
    with pytest.raises(Unreachable, match=f"^cannot reach {url}: that cannot be the name of a host$"):
        exchange(Target(url), "GET", "/x")


def test_a_name_that_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*asked: object, **how: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="^cannot reach http://nobody.example: .*Name or service not known"):
        exchange(Target("http://nobody.example"), "GET", "/x")


@pytest.mark.parametrize(
    "reply", [(b"",), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"ab"), (b"SSH-2.0-x\r\n",)]
)
def test_a_server_that_leaves_or_is_none_is_named(server: ScriptedServer, reply: tuple[bytes, ...]) -> None:
    server.reply(*reply)
    with pytest.raises(Unreachable, match=f"^lost {server.url}: "):
        exchange(Target(server.url), "POST", "/x")


def test_silence_is_told(server: ScriptedServer) -> None:
    over = threading.Event()
    server.reply(lambda: over.wait(LONG))
    with pytest.raises(Unreachable, match=f"^no answer from {server.url} within 0.1 s$"):
        exchange(Target(server.url, timeout=0.1), "GET", "/x")
    over.set()


def test_ctrl_c_is_heard_in_the_silence(server: ScriptedServer) -> None:
    over, main = threading.Event(), threading.main_thread().ident or 0
    server.reply(lambda: signal.pthread_kill(main, signal.SIGINT), lambda: over.wait(LONG))
    with pytest.raises(KeyboardInterrupt):
        exchange(Target(server.url), "GET", "/x")
    over.set()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_tls_to_a_plain_server_is_told(server: ScriptedServer) -> None:
    url = server.url.replace("http:", "https:")
    with pytest.raises(Unreachable, match=f"^cannot reach {url}: "):
        exchange(Target(url), "GET", "/x")


def test_certificates_that_are_none_are_told(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(Misuse, match=f"cannot use the certificates in .*{name}: "):
            exchange(Target(server.url, ca_file=str(tmp_path / name)), "GET", "/x")


def test_a_certificate_is_trusted_only_with_its_authority(server: ScriptedServer, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    server.speak_tls(ca_file)
    server.reply_json({})
    url = server.url.replace("http:", "https:")
    with pytest.raises(Unreachable, match=f"^cannot reach {url}: .*CERTIFICATE_VERIFY_FAILED"):
        exchange(Target(url), "GET", "/x")
    assert exchange(Target(url, ca_file=str(ca_file)), "GET", "/x").read(dict[str, str]) == {}


def test_text_that_is_none_is_not_sent(server: ScriptedServer) -> None:
    with pytest.raises(Misuse, match="not valid UTF-8"):
        exchange(Target(server.url), "POST", "/x", body={"input": "\udcff"})
    assert server.asked == []


def test_listening_hands_over_each_event(server: ScriptedServer) -> None:
    server.reply_events(event("one"), event("two"))
    heard: list[str] = []
    listen(Target(server.url, "k1"), "/s", {"a": 1}, heard.append)
    assert heard == ["one", "two"]
    assert server.asked[0].json() == {"a": 1}
    assert server.asked[0].headers["authorization"] == "ApiKey k1"


def test_a_stream_that_is_cut_is_not_asked_for_again(server: ScriptedServer) -> None:
    server.reply_events(event("one"), done=False)
    with pytest.raises(StreamCut):
        listen(Target(server.url), "/s", {}, print)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("piece", "told"), [(b"data: \xff\n\n", "not UTF-8"), (b"data: " + b"x" * 2**20, "lost")])
def test_a_stream_that_is_no_text_or_has_no_lines_is_told(server: ScriptedServer, piece: bytes, told: str) -> None:
    server.reply_events(piece, done=False)
    with pytest.raises(Unreachable, match=told):
        listen(Target(server.url), "/s", {}, print)


def test_what_the_listener_raises_is_its_own(server: ScriptedServer) -> None:
    def full(data: str) -> None:
        raise OSError(28, "No space left on device")

    server.reply_events(event("one"))
    with pytest.raises(OSError, match="No space left"):
        listen(Target(server.url), "/s", {}, full)


def test_an_answer_is_read_into_its_shape(server: ScriptedServer) -> None:
    server.reply_json({"digits": 0.10})
    assert bytes(exchange(Target(server.url), "GET", "/x").read(dict[str, msgspec.Raw])["digits"]) == b"0.1"
