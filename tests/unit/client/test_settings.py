"""settings: the body of a new endpoint, and the four places its key may come from."""

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from inferd.client import settings
from inferd.client.failures import Misuse
from tests.unit.client.conftest import Pipe


def built(*words: str) -> Any:
    """The body of a command line."""
    parser = argparse.ArgumentParser()
    settings.add_arguments(parser)
    return settings.body(parser.parse_args(words))


def key_of(*words: str) -> Any:
    """The key in the body of a command line."""
    return built(*words)["service_settings"]["api_key"]


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1\n")
    key = ["--upstream-key-env", "OPENAI_API_KEY"]
    assert built(*key) == {"service": "openai", "service_settings": {"api_key": "sk-1"}}
    numbers = ["--dimensions", "256", "--requests-per-minute", "60"]
    assert built(*key, "--model", "m", "--upstream-url", "http://h/v1", *numbers)["service_settings"] == {
        "api_key": "sk-1",
        "model_id": "m",
        "url": "http://h/v1",
        "dimensions": 256,
        "rate_limit": {"requests_per_minute": 60},
    }


def test_the_key_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-2\n")
    assert key_of("--upstream-key-file", str(tmp_path / "key")) == "sk-2"


def test_the_key_may_come_from_a_pipe(pipe: Pipe) -> None:
    pipe("sk-3\n")
    assert key_of("--upstream-key-file", "-") == "sk-3"


def test_a_person_is_asked_for_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with monkeypatch.context() as patch, os.fdopen(slave) as stdin:
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(getpass, "getpass", lambda prompt, stream: "sk-4")
        assert key_of("--model", "m") == "sk-4"

        def end_of_input(prompt: str, stream: object) -> str:
            raise EOFError

        patch.setattr(getpass, "getpass", end_of_input)
        with pytest.raises(Misuse, match="no provider key in the terminal"):
            built()
    os.close(master)


@pytest.mark.parametrize("words", [(), ("--upstream-key-env", "NO_SUCH_KEY"), ("--upstream-key-file", "-")])
def test_without_a_key_nothing_is_built(words: tuple[str, ...], pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    pipe("")
    with pytest.raises(Misuse, match="there is no provider key"):
        built(*words)


def test_closed_stdin_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Misuse, match="there is no provider key"):
        built()


def test_a_key_is_never_an_argument() -> None:
    parser = argparse.ArgumentParser()
    settings.add_arguments(parser)
    assert "--upstream-key " not in parser.format_help()


def test_a_whole_body_goes_out_as_it_is(tmp_path: Path, pipe: Pipe) -> None:
    (tmp_path / "body").write_bytes(b'{"a" : "\xc3\xbc"}\n')
    assert built("--body", str(tmp_path / "body")) == b'{"a" : "\xc3\xbc"}\n'
    pipe('{"a":"ü"}')
    assert built("--body", "-") == '{"a":"ü"}'.encode()


def test_a_whole_body_leaves_no_room_for_options() -> None:
    with pytest.raises(Misuse, match="it does not go with --requests-per-minute"):
        built("--body", "-", "--requests-per-minute", "5")


def test_a_body_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="cannot read .*: No such file"):
        built("--body", str(tmp_path / "missing"))
