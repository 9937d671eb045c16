"""The process from outside: what it is given, how it ends, and that nothing of it stays."""

import os
import subprocess
import sys
import threading

import pytest

from inferd.chunking import process as module
from inferd.chunking.process import Process, environment
from inferd.errors import StatusFailure


def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-S", "-c", code))


def test_a_job_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1]); sys.exit(3)")
    assert Process().run(b"ab" * 500_000) == (3, b"ba" * 500_000)


def test_what_it_says_about_itself_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program(monkeypatch, "raise ValueError('the text')")
    assert Process().run(b"") == (1, b"")
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_in_the_terminal_is_not_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "import os; print(os.getpgrp() == os.getpid())")
    assert Process().run(b"") == (0, b"True\n")


def test_it_is_given_little_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "import os; print(sorted(os.environ))")
    for name in ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "INFERD_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "/secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    _, names = Process().run(b"")
    assert b"LANG" in names and b"_KEY" not in names and b"SOCKET" not in names and b"CREDENTIALS" not in names
    assert environment({"PATH": "/bin", "HOME": "/root", "PYTHONPATH": "/x"}) == {"PATH": "/bin", "PYTHONPATH": "/x"}


def test_ended_from_another_thread_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    program(monkeypatch, f"import os, time; os.write({writing}, b'x'); time.sleep(60)")
    started = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **kwargs: started(*args, **kwargs, pass_fds=(writing,))
    )
    process, results = Process(), []
    thread = threading.Thread(target=lambda: results.append(process.run(b"")))
    thread.start()
    assert os.read(reading, 1) == b"x"
    process.end()
    thread.join()
    process.end()
    os.close(writing)
    # The end of the pipe says that nobody has it open any more: the process was reaped.
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert results == [(-9, b"")]


def test_ended_before_it_began_it_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND", ("/nonexistent",))
    process = Process()
    process.end()
    assert process.run(b"") == (None, b"")


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND", ("/nonexistent",))
    with pytest.raises(StatusFailure) as caught:
        Process().run(b"")
    assert caught.value.status == 503
    assert caught.value.reason == "No process could be started to cut a long text: No such file or directory"
    assert caught.value.headers == {"Retry-After": "1"}


def test_left_by_an_exception_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "import time; time.sleep(60)")
    began: list[subprocess.Popen[bytes]] = []

    def interrupted(process: "subprocess.Popen[bytes]", job: bytes) -> None:
        began.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Process().run(b"")
    assert began[0].returncode == -9
