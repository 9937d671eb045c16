"""The command line: each command reaches its place with what was typed, and failures are one line."""

import os
from pathlib import Path

import pytest

import inferd.daemon
import inferd.simulator
from inferd import __version__
from inferd.cli import main
from inferd.daemon import Launch


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
    ("arguments", "launch"),
    [
        ([], Launch(None, None, False, 0.0)),
        (["--config", "a.toml", "--listen", "h:1"], Launch(Path("a.toml"), "h:1", False, 0.0)),
        (["--simulate", "--pace", "0.5"], Launch(None, None, True, 0.5)),
    ],
)
def test_serve_runs_the_daemon_as_it_was_asked_to(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], launch: Launch
) -> None:
    calls: list[tuple[Launch, object]] = []

    def run(launch: Launch, environ: object) -> int:
        calls.append((launch, environ))
        return 7

    monkeypatch.setattr(inferd.daemon, "run", run)
    assert main(["serve", *arguments]) == 7
    assert calls == [(launch, os.environ)]


@pytest.mark.parametrize(
    ("address", "host", "port"), [("127.0.0.1:9201", "127.0.0.1", 9201), ("[::1]:5", "::1", 5), (":6", "127.0.0.1", 6)]
)
@pytest.mark.parametrize(("failure", "status"), [(None, 0), (KeyboardInterrupt(), 0), (OSError("busy"), 1)])
def test_simulate_serves_until_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str, host: str, port: int,
    failure: BaseException | None, status: int,
) -> None:  # fmt: skip
    calls: list[tuple[str, int, float]] = []

    async def serve(host: str, port: int, pace: float) -> None:
        calls.append((host, port, pace))
        if failure is not None:
            raise failure

    monkeypatch.setattr(inferd.simulator, "serve", serve)
    assert main(["simulate", "--listen", address]) == status
    assert calls == [(host, port, 0.02)]
    told = capsys.readouterr().err
    assert f"http://{address}/v1" in told and ("inferd: busy" in told) is (status == 1)


def test_a_port_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--listen", "localhost"]) == 1
    assert "inferd: invalid literal for int()" in capsys.readouterr().err


def test_check_config_shows_what_is_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "inferd.toml"
    file.write_text("[limits]\nburst = 3\n")
    monkeypatch.setenv("INFERD_LOG_LEVEL", "error")
    assert main(["check-config", "--config", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"limits.burst = 3", "log.level = 'error'", "server.listen = '127.0.0.1:9200'"} <= set(lines)
    file.write_text("[limits]\nburst = -3\n")
    assert main(["check-config", "--config", str(file)]) == 1
    assert "[limits.burst]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["keys", "list", "--config", "/nowhere.toml"], "/nowhere.toml cannot be read"),
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
