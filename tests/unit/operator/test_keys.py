"""``inferd keys`` as it is typed."""

import argparse
from pathlib import Path

import pytest

from inferd import client_keys
from inferd.client_keys import BadKeyName
from inferd.operator import keys


def _run(folder: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    keys.add_arguments(parser)
    return keys.run(parser.parse_args([*arguments, "--store", str(folder)]))


def test_a_key_is_printed_alone_and_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "state"
    assert _run(folder, "create", "ops", "--role", "admin") == 0
    printed = capsys.readouterr()
    assert client_keys.read(folder)[0].sha256 == client_keys.digest(printed.out.strip())
    assert "will not be shown again" in printed.err
    assert _run(folder, "list") == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.split("\t")[:2] == ["ops", "admin"]
    assert _run(folder, "revoke", "ops") == 0
    assert "[ops] is revoked" in capsys.readouterr().err
    assert _run(folder, "list") == 0
    assert capsys.readouterr().out == ""


def test_what_cannot_be_done_is_raised(tmp_path: Path) -> None:
    with pytest.raises(BadKeyName):
        _run(tmp_path / "state", "create", "not a name", "--role", "user")


@pytest.mark.parametrize("arguments", [("create", "a"), ("create", "a", "--role", "god"), ("revoke",), ()])
def test_wrong_usage_is_told(arguments: tuple[str, ...]) -> None:
    parser = argparse.ArgumentParser()
    keys.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
