"""The command line: each command reaches its place with what was typed, and failures are one line."""

from pathlib import Path

import pytest

from inferd import __version__
from inferd.cli import main


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"inferd {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["serve", "--nonsense"], ["keys"], ["backup"]])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: inferd" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["serve", "simulate", "check-config", "endpoints", "chat", "embed", "chunk", "keys", "health", "backup", "restore",
     "rotate-key"],
)  # fmt: skip
def test_every_command_has_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0 and told.startswith(f"usage: inferd {command}")
    assert ("sim-429" in told) is (command == "simulate")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check-config", "--config", "/nowhere.toml"], "/nowhere.toml cannot be read"),
        (["keys", "list", "--config", "/nowhere.toml"], "/nowhere.toml cannot be read"),
        (["restore", "/nowhere", "--store", "/dev/null/state"], "/dev/null/state cannot be used"),
        (["keys", "create", "not a name", "--role", "user", "--store", "/nowhere"], "cannot be the name of a key"),
        (["backup", "/tmp/file", "--store", "/nowhere"], "there is no store in /nowhere"),
        (["rotate-key", "--store", "/nowhere"], "there is no store in /nowhere"),
    ],
)
def test_what_an_operator_cannot_have_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("inferd: ") and told in said and said.count("\n") == 1


def test_what_an_operator_can_have_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "ops", "--role", "admin", "--store", str(tmp_path / "state")]) == 0
    assert capsys.readouterr().out.startswith("inferd_")
