"""``inferd chunk``: what it prints, and how it fails."""

import io
import os
import sys
from argparse import ArgumentParser
from pathlib import Path

import msgspec
import pytest

from inferd.chunking.chunk import as_json, shown
from inferd.chunking.command import add_arguments, run
from inferd.chunking.passages import chunk
from inferd.chunking.settings import DEFAULT
from inferd.schema.chunking import RecursiveSettings

TEXT = "Aa b c d e f. Gg h i j k l. Mm n o p q r. Ss t u v w x.\n"


def call(*arguments: str) -> int:
    parser = ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(arguments))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "text"
    path.write_text(TEXT)
    return str(path)


def test_passages_with_offsets_and_what_they_repeat(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(file, "--max-chunk-size", "20") == 0
    assert capsys.readouterr().out == (
        "── passage 1 of 2 ── 0–42 ──\n"
        "Aa b c d e f. Gg h i j k l. Mm n o p q r. \n"
        "── passage 2 of 2 ── 28–56, repeats 14 ──\n"
        "⟦Mm n o p q r. ⟧Ss t u v w x.\n\n"
    )


def test_json_is_what_the_route_answers(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--strategy", "recursive", "--max-chunk-size", "12", "--separators", r"\. G", "--separators", "M"]
    assert call(file, *arguments, "--json") == 0
    expected = shown(chunk(TEXT, RecursiveSettings(12, (r"\. G", "M"))))
    assert capsys.readouterr().out == msgspec.json.encode(expected).decode() + "\n"


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_standard_input(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("a\x1b[31m😀\x7f\x9bé\tb".encode())))
    assert call(*arguments, "--strategy", "none") == 0
    assert capsys.readouterr().out == "── passage 1 of 1 ── 0–13 ──\na␛[31m😀␡\ufffdé\tb\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-chunk-size", "5"], "[max_chunk_size] must be greater than or equal to [20.0];"),
        (["--max-chunk-size", "301"], "[max_chunk_size] must be less than or equal to [300.0];"),
        (["--overlap", "1"], "Sentence based chunking settings can not have the following settings: [overlap];"),
        (["--strategy", "recursive", "--max-chunk-size", "10", "--separators", "("], "near index 1"),
        (["--strategy", "recursive", "--separator-group", "html"], "must be one of [markdown, plaintext];"),
    ],
)
def test_settings_that_cannot_be(
    file: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(file, *arguments) == 2
    shown_to_user = capsys.readouterr()
    assert shown_to_user.out == ""
    assert shown_to_user.err.startswith("inferd chunk: ") and shown_to_user.err.endswith(f"{said}\n")


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(tmp_path / "none")) == 2
    assert capsys.readouterr().err == f"inferd chunk: cannot read [{tmp_path}/none]: No such file or directory\n"


def test_bytes_that_are_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9 ")
    assert call(str(tmp_path / "latin")) == 2
    assert capsys.readouterr().err == f"inferd chunk: [{tmp_path}/latin] is not UTF-8: byte 0xe9 at 3\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    assert call() == 2
    assert capsys.readouterr().err == "inferd chunk: standard input is not UTF-8: byte 0xff at 0\n"


def test_a_terminal_without_the_characters(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "ascii"))
    assert call(file, "--strategy", "none") == 0
    assert out.getvalue().decode().startswith("?? passage 1 of 1 ?? 0?56 ??\nAa b c")


def test_output_that_is_no_file(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := io.StringIO())
    assert call(file, "--strategy", "none") == 0
    assert out.getvalue() == f"── passage 1 of 1 ── 0–56 ──\n{TEXT}\n"


def test_a_reader_that_stops_reading(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert call(file) == 0
        monkeypatch.undo()


def test_a_long_text_is_cut_in_the_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, text = tmp_path / "long", "Aa b c. " * 10_000
    path.write_text(text)
    assert call(str(path), "--json") == 0
    assert capsys.readouterr().out == bytes(as_json(shown(chunk(text, DEFAULT)))).decode() + "\n"
    assert call(str(path), "--strategy", "recursive", "--separators", "(?>[^z]*)z") == 2
    assert capsys.readouterr().err == (
        "inferd chunk: Chunk separator regex [(?>[^z]*)z] has exceeded the character read limit\n"
    )


def test_ctrl_c(file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("inferd.chunking.command._cut", interrupted)
    assert call(file) == 130
    assert capsys.readouterr() == ("", "")
