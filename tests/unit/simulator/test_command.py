"""``inferd simulate`` as it is typed."""

import argparse

import pytest

from inferd import simulator
from inferd.simulator import command


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


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

    monkeypatch.setattr(simulator, "serve", serve)
    assert _run("--listen", address) == status
    assert calls == [(host, port, 0.02)]
    told = capsys.readouterr().err
    assert f"http://{address}/v1" in told and ("inferd: busy" in told) is (status == 1)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536"])
def test_what_is_no_address_is_told(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--listen", address) == 1
    assert capsys.readouterr().err == f"inferd: [{address}] is not address:port\n"


def test_a_host_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--listen", "x" * 70 + ".invalid:80") == 1
    assert "\ninferd: " in capsys.readouterr().err
