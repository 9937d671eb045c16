"""The whole life in this very process: start, readiness, reload, stop; and the starts that fail."""

import asyncio
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from inferd import daemon
from inferd.aside import Aside
from inferd.daemon import Launch, run
from inferd.daemon.sockets import listen
from inferd.rest.open_requests import OpenRequests
from inferd.rest.parts import Parts
from tests.certificates import write_certificate

PLAIN = Launch(None, "127.0.0.1:0", False)


class Manager(threading.Thread):
    """The service manager: does what comes next whenever it hears the word for it."""

    def __init__(self, address: Path, *steps: tuple[str, Callable[[str], None]]) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self._socket.settimeout(20)
        self._steps = list(steps)
        self.heard: list[str] = []

    def run(self) -> None:
        """See threading.Thread."""
        with self._socket:
            for word, do in self._steps:
                message = ""
                while word not in message:
                    message = self._socket.recv(4096).decode()
                    self.heard.append(message)
                do(message)


def _kill(number: signal.Signals) -> Callable[[str], None]:
    return lambda _: os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """What a daemon changes in its process is put back."""
    thresholds, handlers, level = gc.get_threshold(), logging.root.handlers[:], logging.root.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(*thresholds)
    logging.root.handlers[:], logging.root.level = handlers, level
    for number, handler in signals.items():
        signal.signal(number, handler)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # Relative: the path of a socket may have 107 bytes.
    monkeypatch.chdir(tmp_path)
    return {"INFERD_STORE_DIRECTORY": str(tmp_path / "state"), "NOTIFY_SOCKET": "notify"}


def _lived(launch: Launch, environ: dict[str, str], *steps: tuple[str, Callable[[str], None]]) -> Manager:
    manager = Manager(Path("notify"), *steps)
    manager.start()
    assert run(launch, environ) == 0
    manager.join(20)
    assert not manager.is_alive()
    Path("notify").unlink()
    return manager


def test_ready_reload_stop(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    environ["WATCHDOG_USEC"] = "300000"
    # As inferd.serve leaves it.
    gc.disable()
    manager = _lived(
        PLAIN,
        environ,
        ("READY=1", _kill(signal.SIGHUP)),
        ("RELOADING=1", lambda _: None),
        ("READY=1", lambda _: None),
        ("WATCHDOG=1", _kill(signal.SIGTERM)),
        ("STOPPING=1", lambda _: None),
    )
    assert any("STATUS=serving 0 endpoints at http://127.0.0.1:" in message for message in manager.heard)
    log = capfd.readouterr().err
    for message in ("ready", "configuration reloaded", "stopping", "stopped"):
        assert f'"message":"{message}"' in log
    assert "NOTIFY_SOCKET" not in environ and gc.isenabled()


def test_with_a_simulator_endpoints_lead_to_it_after_a_reload_too(
    environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    _lived(
        Launch(None, "127.0.0.1:0", True),
        environ,
        ("READY=1", _kill(signal.SIGHUP)),
        ("RELOADING=1", lambda _: None),
        ("READY=1", _kill(signal.SIGINT)),
    )
    log = capfd.readouterr().err
    assert "simulating: no provider is called" in log and '"changed":[]' in log
    assert "next restart" not in log


def test_over_tls_the_url_says_so(environ: dict[str, str], tmp_path: Path) -> None:
    write_certificate(tmp_path, "x")
    environ |= {"INFERD_TLS_CERT": str(tmp_path / "cert.pem"), "INFERD_TLS_KEY": str(tmp_path / "key.pem")}
    manager = _lived(PLAIN, environ, ("READY=1", _kill(signal.SIGTERM)))
    assert "at https://127.0.0.1:" in "".join(manager.heard)


def test_requests_are_served_and_a_second_signal_ends_the_drain(environ: dict[str, str]) -> None:
    def ask_and_stop(message: str) -> None:
        url = message.partition(" at ")[2].partition(",")[0]
        with urllib.request.urlopen(f"{url}/livez", timeout=10) as answer:
            assert answer.read() == b"ok"
        os.kill(os.getpid(), signal.SIGTERM)

    _lived(PLAIN, environ, ("READY=1", ask_and_stop), ("STOPPING=1", _kill(signal.SIGTERM)))


def test_a_reload_before_there_is_anything_to_reload_ends_nothing(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:

    async def impatient(*arguments: object) -> object:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)
        return await listen(*arguments)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(daemon, "listen", impatient)
    _lived(PLAIN, environ, ("READY=1", _kill(signal.SIGTERM)))


def test_what_the_loop_complains_of_is_one_quiet_line(
    environ: dict[str, str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:

    async def complaining(*arguments: object) -> object:
        for _ in range(100):
            context = {"message": "trouble", "exception": ValueError("sk-secret")}
            asyncio.get_running_loop().call_exception_handler(context)
        return await listen(*arguments)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(daemon, "listen", complaining)
    _lived(PLAIN, environ, ("READY=1", _kill(signal.SIGTERM)))
    log = capfd.readouterr().err
    assert log.count("the event loop had an error") == 1 and '"exception":"ValueError"' in log
    assert "sk-secret" not in log and "Traceback" not in log


def test_without_uvloop_it_runs_on_asyncio(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert daemon._loop_factory() is None
    _lived(PLAIN, environ, ("READY=1", _kill(signal.SIGTERM)))
    monkeypatch.undo()
    assert daemon._loop_factory() is importlib.import_module("uvloop").Loop


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"INFERD_SERVER_LISTEN": "nonsense"}, "inferd: [server.listen]: [nonsense] is not address:port"),
        ({"INFERD_SERVER_LISTEN": "0.0.0.0:0"}, "can be reached by others and nothing protects it"),
        ({"INFERD_NO_OPTION": "1"}, "INFERD_NO_OPTION names no option"),
        ({"INFERD_TLS_CERT": "/nowhere", "INFERD_TLS_KEY": "/nowhere"}, "[tls.cert]: /nowhere cannot be read"),
        ({"INFERD_UPSTREAM_ALLOW": "nonsense"}, "[upstream.allow]"),
        ({"INFERD_STORE_DIRECTORY": "/proc/inferd"}, "the store folder /proc/inferd cannot be used"),
    ],
)
def test_a_start_that_fails_is_one_line_and_status_1(
    environ: dict[str, str], capfd: pytest.CaptureFixture[str], changed: dict[str, str], told: str
) -> None:
    status = run(Launch(None, None, False), {"INFERD_SERVER_LISTEN": "127.0.0.1:0", **environ, **changed})
    said = capfd.readouterr().err
    assert (status, said.count("\n")) == (1, 1) and said.startswith("inferd: ") and told in said


def test_the_command_line_goes_before_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "inferd.toml"
    file.write_text('[server]\nlisten = "127.0.0.1:1"\n')
    assert daemon.configured(Launch(file, None, False), {}).server.listen == "127.0.0.1:1"
    assert daemon.configured(Launch(file, "127.0.0.1:2", False), {}).server.listen == "127.0.0.1:2"


async def test_what_few_clients_need_is_imported_once_it_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "inferd.rest.aiohttp_server"
    monkeypatch.setattr(daemon, "QUIET_AFTER", 0.0)
    monkeypatch.delitem(sys.modules, name, raising=False)
    begun = asyncio.Event()

    async def give_back(busy: Callable[[], int], aside: Aside) -> None:
        assert busy() == 0
        begun.set()

    monkeypatch.setattr(daemon, "give_back", give_back)
    parts = SimpleNamespace(aside=Aside(), open=OpenRequests())
    await daemon._housekeeping(cast(Parts, parts))
    parts.aside.close()
    assert name in sys.modules and gc.get_freeze_count() > 0 and begun.is_set()
