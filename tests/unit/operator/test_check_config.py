"""``inferd check-config`` as it is typed."""

import argparse
from pathlib import Path

import pytest

from inferd.config import BadConfiguration
from inferd.operator import check_config


def test_it_shows_what_is_in_force_and_says_what_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "inferd.toml"
    file.write_text("[limits]\nburst = 3\n")
    monkeypatch.setenv("INFERD_LOG_LEVEL", "error")
    parser = argparse.ArgumentParser()
    check_config.add_arguments(parser)
    arguments = parser.parse_args(["--config", str(file)])
    assert check_config.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"limits.burst = 3", "log.level = 'error'", "server.listen = '127.0.0.1:9200'"} <= set(lines)
    file.write_text("[limits]\nburst = -3\n")
    with pytest.raises(BadConfiguration, match=r"\[limits\.burst\]"):
        check_config.run(arguments)
