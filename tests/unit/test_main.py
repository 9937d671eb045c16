"""``python -m inferd`` is the ``inferd`` command."""

import runpy
import sys

import pytest

from inferd import __version__


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["inferd", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("inferd", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"inferd {__version__}\n"


def test_only_the_main_module_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["inferd", "--version"])
    runpy.run_module("inferd.__main__", run_name="imported")
