"""``inferd serve`` as it is typed."""

import argparse
import gc
import os
from pathlib import Path

import pytest

from inferd import daemon, serve
from inferd.daemon import Launch


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

    def pretended(launch: Launch, environ: object) -> int:
        calls.append((launch, environ))
        assert not gc.isenabled()
        gc.enable()
        return 7

    monkeypatch.setattr(daemon, "run", pretended)
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    assert serve.run(parser.parse_args(arguments)) == 7
    assert calls == [(launch, os.environ)]
