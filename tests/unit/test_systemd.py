"""What is said to the service manager and what is taken from it, on real sockets."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inferd import systemd
from inferd.systemd import Notifier, take_notifier, take_sockets, take_watchdog


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A manager that listens, and waits for nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


@pytest.mark.parametrize(
    ("say", "said"),
    [
        (lambda notifier: notifier.ready("serving"), b"READY=1\nSTATUS=serving"),
        (lambda notifier: notifier.status("waiting"), b"STATUS=waiting"),
        (lambda notifier: notifier.stopping(), b"STOPPING=1\nSTATUS=stopping"),
        (lambda notifier: notifier.alive(), b"WATCHDOG=1"),
    ],
)
def test_each_word_is_one_message(manager: socket.socket, say: Callable[[Notifier], None], said: bytes) -> None:
    notifier = Notifier(manager.getsockname())
    assert notifier
    say(notifier)
    assert manager.recv(4096) == said


def test_a_reload_tells_its_moment_on_the_clock_systemd_reads(manager: socket.socket) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Notifier(manager.getsockname()).reloading()
    first, second = manager.recv(4096).split(b"\n")
    assert first == b"RELOADING=1"
    name, _, microseconds = second.partition(b"=")
    assert name == b"MONOTONIC_USEC"
    assert before <= int(microseconds) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_an_abstract_address_is_understood() -> None:
    name = f"inferd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        Notifier("@" + name).alive()
        assert listening.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify", "relative", "@", "/" + "x" * 200])
def test_a_manager_that_is_not_there_is_told_nothing(address: str | None) -> None:
    Notifier(address).alive()
    assert bool(Notifier(address)) == bool(address)


def test_a_manager_that_reads_nothing_holds_nobody_up(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    for _ in range(2000):
        notifier.alive()
    assert manager.recv(100) == b"WATCHDOG=1"


def test_the_address_is_taken_out_of_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "/run/notify", "HOME": "/"}
    assert take_notifier(environ)
    assert environ == {"HOME": "/"}
    assert not take_notifier(environ)


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("10000000", "", 10.0),
        ("500000", str(os.getpid()), 0.5),
        ("10000000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("soon", "", None),
        ("-5", "", None),
    ],
)
def test_the_watchdog_is_for_this_process_or_for_none(microseconds: str, pid: str, seconds: float | None) -> None:
    environ = {"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": pid}
    assert take_watchdog(environ) == seconds
    assert environ == {}


def test_no_watchdog_is_none() -> None:
    assert take_watchdog({}) is None


def test_passed_sockets_are_taken_and_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        # Where the kernel has two free descriptors in a row.
        at = 900
        os.dup2(first.fileno(), at)
        os.dup2(second.fileno(), at + 1)
        monkeypatch.setattr(systemd, "_FIRST", at)
        environ = {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "a:b"}
        passed = take_sockets(environ)
        try:
            assert environ == {}
            assert [each.getsockname() for each in passed] == [first.getsockname(), second.getsockname()]
            assert not any(each.getblocking() or each.get_inheritable() for each in passed)
        finally:
            for each in passed:
                each.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "one", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(os.getpid())},
    ],
)
def test_sockets_of_another_process_are_not_touched(environ: dict[str, str]) -> None:
    assert take_sockets(environ) == []
    assert environ == {}
