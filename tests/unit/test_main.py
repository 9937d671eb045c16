"""``python -m inferd``."""

import runpy
import sys

import pytest

from inferd import __version__


def test_it_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["inferd", "--version"])
    sys.modules.pop("inferd.__main__", None)
    with pytest.raises(SystemExit):
        runpy.run_module("inferd", run_name="__main__")
    assert capsys.readouterr().out == f"inferd {__version__}\n"
    # Imported, it runs nothing.
    runpy.run_module("inferd.__main__", run_name="imported")
