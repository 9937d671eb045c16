"""terminal: what goes out, to whom, and the exit status of whatever befell."""

import io
import os
import sys
from collections.abc import Callable

import pytest

from inferd.client import terminal
from inferd.client.failures import ClientFailure, Misuse


class Screen(io.StringIO):
    """A terminal as far as output is concerned."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def raising(failure: BaseException) -> Callable[[], None]:
    """Work that ends this way."""

    def work() -> None:
        raise failure

    return work


def test_a_pipe_gets_every_character(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("a\x1b[2Jb\r\n")
    assert capsys.readouterr().out == "a\x1b[2Jb\r\n"


def test_a_terminal_gets_no_control_character(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    terminal.say("a\x1b]52;c;eA==\x07\x9b2Jé\tb\r\n")
    terminal.say_dimmed("c\x1b[1m")
    assert screen.getvalue() == "a]52;c;eA==2Jé\tb\n\x1b[2mc[1m\x1b[0m"


def test_what_stdout_cannot_spell_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    terminal.say("Grüße \ud83d")
    assert raw.getvalue() == b"Gr??e ?"


def test_a_note_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.note("two\nlines  and \x1b[31mred")
    assert capsys.readouterr().err == "inferd: two lines and [31mred\n"


def test_a_note_to_nobody_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        terminal.note("hello")
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_closed_stdin_is_empty_and_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert terminal.piped_text() == ""
    assert not terminal.typed_at()


def test_stdin_must_be_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"))
    with pytest.raises(Misuse, match="stdin is not utf-8 text"):
        terminal.piped_text()


def test_a_person_must_sit_at_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Screen())
    assert not terminal.typed_at()
    monkeypatch.setattr(sys, "stdout", Screen())
    assert terminal.typed_at()


@pytest.mark.parametrize(
    ("failure", "status", "told"),
    [
        (ClientFailure("no"), 1, "inferd: no\n"),
        (Misuse("not so"), 2, "inferd: not so\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_each_failure_has_its_status(
    failure: BaseException, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal.conclude(raising(failure)) == status
    assert capsys.readouterr() == ("", told)


def test_success_is_zero() -> None:
    assert terminal.conclude(lambda: None) == 0


def test_a_reader_that_left_is_not_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with monkeypatch.context() as patch, os.fdopen(write, "w") as stdout:
        patch.setattr(sys, "stdout", stdout)
        assert terminal.conclude(lambda: terminal.say("hello")) == 141
    # Closing stdout flushed it once more, to nowhere.
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as patch, open("/dev/full", "w", encoding="utf-8") as stdout:
        patch.setattr(sys, "stdout", stdout)
        assert terminal.conclude(lambda: terminal.say("hello")) == 1
    assert capsys.readouterr().err == "inferd: cannot write the answer: No space left on device\n"
