"""``inferd check-config`` as it is typed."""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import inferd
from inferd.config import BadConfiguration
from inferd.daemon import check_config


def _parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    check_config.add_arguments(parser)
    return parser.parse_args(arguments)


def test_it_shows_what_is_in_force_and_says_what_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "inferd.toml"
    file.write_text("[limits]\nburst = 3\n")
    monkeypatch.setenv("INFERD_LOG_LEVEL", "error")
    arguments = _parsed("--config", str(file))
    assert check_config.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"limits.burst = 3", "log.level = 'error'", "server.listen = '127.0.0.1:9200'"} <= set(lines)
    file.write_text("[limits]\nburst = -3\n")
    with pytest.raises(BadConfiguration, match=r"\[limits\.burst\]"):
        check_config.run(arguments)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"SERVER_LISTEN": "9200"}, r"^\[server\.listen\]: \[9200\] is not address:port"),
        ({"UPSTREAM_ALLOW": "nowhere"}, r"^\[upstream\.allow\]: \[nowhere\] is not address:port"),
        ({"OPENAI_BASE_URL": "ftp://host"}, r"^\[openai\.base_url\]: only http and https"),
        (
            {"OPENAI_BASE_URL": "http://10.0.0.1/v1", "SERVER_LISTEN": "0.0.0.0:9200"},
            r"^\[openai\.base_url\]: the address is not allowed",
        ),
        ({"UPSTREAM_CA_FILE": "/no/such.pem"}, r"^\[upstream\.ca_file\]: /no/such\.pem cannot be used"),
        ({"TLS_CERT": "cert.pem"}, r"^\[tls\.key\]: a certificate needs its key"),
        ({"TLS_CERT": "/no/cert.pem", "TLS_KEY": "key.pem"}, r"^\[tls\.cert\]: /no/cert\.pem cannot be read"),
        ({"TLS_CERT": "~no-such-user/c.pem", "TLS_KEY": "key.pem"}, r"^\[tls\.cert\]: no home folder is known for"),
    ],
)
def test_what_a_start_would_refuse_is_refused_here(
    options: dict[str, str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in options.items():
        monkeypatch.setenv(f"INFERD_{name}", value)
    with pytest.raises((BadConfiguration, ValueError), match=told):
        check_config.run(_parsed())
    assert capsys.readouterr().out == ""


def test_credentials_can_only_be_read_by_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERD_TLS_CERT", "cert.pem")
    monkeypatch.setenv("INFERD_TLS_KEY", "key.pem")
    assert check_config.run(_parsed()) == 0
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(BadConfiguration, match=r"^\[tls\.cert\]: .*/cert\.pem cannot be read"):
        check_config.run(_parsed())


@pytest.mark.parametrize("name", check_config.LATE)
def test_a_library_that_a_daemon_would_miss_later_is_told(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert check_config.run(_parsed()) == 1
    told = capsys.readouterr().err
    assert told.startswith("inferd: the installation is broken: ") and name in told and told.count("\n") == 1


# These are no part of a daemon, or are imported at its start.
COMMANDS = {"__main__.py", "check_config.py", "cli.py", "client", "command.py", "operator", "serve.py", "simulator"}
AT_START = {"inferd.simulator", "uvloop"}


def _imported_in_functions(source: str) -> Iterator[str]:
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    assert node.module is not None
                    yield f"inferd.{node.names[0].name}" if node.module == "inferd" else node.module


def test_it_knows_of_every_import_that_a_daemon_makes_late() -> None:
    root = Path(inferd.__path__[0])
    files = [file for file in root.rglob("*.py") if not COMMANDS & set(file.relative_to(root).parts)]
    late = {name for file in files for name in _imported_in_functions(file.read_text())}
    assert len(files) > 100 and late - AT_START == set(check_config.LATE)
