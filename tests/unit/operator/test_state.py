"""Which state a command of the operator is about."""

import argparse
from pathlib import Path

import pytest

from inferd.config import BadConfiguration
from inferd.operator.state import add_state_arguments, key_places_of, state_of


def _parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_state_arguments(parser)
    return parser.parse_args(arguments)


def test_the_command_line_goes_before_the_configuration_and_that_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/state")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    config = tmp_path / "inferd.toml"
    config.write_text('[store]\ndirectory = "/from/config"\nkey_file = "/from/key"\n')
    assert state_of(_parsed()) == Path("/var/lib/state")
    assert key_places_of(_parsed()).file == Path("/var/lib/state/key")
    configured = ("--config", str(config))
    assert state_of(_parsed(*configured)) == Path("/from/config")
    assert key_places_of(_parsed(*configured)).file == Path("/from/key")
    assert state_of(_parsed(*configured, "--store", "/given")) == Path("/given")
    assert key_places_of(_parsed(*configured, "--key-file", "/k")).file == Path("/k")


def test_a_wrong_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration):
        state_of(_parsed("--config", str(tmp_path / "nothing")))
