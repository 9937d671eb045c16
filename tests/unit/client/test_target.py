"""target: which server, with which key, and what a URL or a path cannot mean."""

import argparse
from pathlib import Path

import pytest

from inferd.client import target
from inferd.client.failures import Misuse
from inferd.client.target import Target


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    monkeypatch.delenv("INFERD_URL", raising=False)
    monkeypatch.delenv("INFERD_API_KEY", raising=False)


def parsed(*words: str) -> Target:
    """The target of a command line."""
    parser = argparse.ArgumentParser()
    target.add_arguments(parser)
    return Target.of(parser.parse_args(words))


def test_by_default_it_is_the_local_daemon() -> None:
    here = parsed()
    assert here == Target("http://127.0.0.1:9200")
    assert (here.headers, here.inference_query(), here.patience) == ({}, {}, target.DEFAULT_PATIENCE)


def test_the_environment_names_server_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERD_URL", "https://inferd.example/base/")
    monkeypatch.setenv("INFERD_API_KEY", " k1\n")
    assert parsed() == Target("https://inferd.example/base", "k1")
    assert parsed("--url", "http://[::1]:1", "--api-key", "k2") == Target("http://[::1]:1", "k2")


def test_a_key_file_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERD_API_KEY", "k1")
    (tmp_path / "key").write_text("k3\n")
    assert parsed("--api-key-file", str(tmp_path / "key")).headers == {"Authorization": "ApiKey k3"}


def test_the_key_is_not_printed() -> None:
    assert "k2" not in repr(parsed("--api-key", "k2"))


@pytest.mark.parametrize(("content", "problem"), [(b"\n", "is empty"), (b"\xff", "not text"), (None, "No such file")])
def test_a_key_file_that_holds_no_key(content: bytes | None, problem: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(Misuse, match=problem):
        parsed("--api-key-file", str(tmp_path / "key"))


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(Misuse, match="no header can carry") as failure:
        parsed("--api-key", key)
    assert key not in str(failure.value)


@pytest.mark.parametrize("url", ["localhost:9200", "ftp://h", "http://", "http://h:99999", "http://[::1", "http://h:0"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(Misuse, match="is not an http or https URL"):
        parsed("--url", url)


@pytest.mark.parametrize("url", ["http://u:secret@h", "http://h/?secret", "http://h/#secret"])
def test_a_url_that_holds_too_much_is_not_repeated(url: str) -> None:
    with pytest.raises(Misuse, match="must not hold") as failure:
        parsed("--url", url)
    assert "secret" not in str(failure.value)


def test_a_timeout_is_told_to_the_server_in_whole_milliseconds() -> None:
    slow = parsed("--timeout", "0.0001")
    assert (slow.patience, slow.inference_query()) == (0.0001, {"timeout": "1ms"})


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_is_none(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parsed(f"--timeout={seconds}")
    assert exit_.value.code == 2
    assert f"[{seconds}] is no number of seconds above 0" in capsys.readouterr().err


def test_an_id_stays_one_segment() -> None:
    assert target.segment("a/b?c#d e") == "a%2Fb%3Fc%23d%20e"
    assert target.segment("größe") == "gr%C3%B6%C3%9Fe"


@pytest.mark.parametrize("name", ["", ".", "..", "\udcff"])
def test_an_id_that_no_path_keeps(name: str) -> None:
    with pytest.raises(Misuse):
        target.segment(name)
