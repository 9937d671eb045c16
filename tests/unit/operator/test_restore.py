"""``inferd restore`` as it is typed."""

import argparse
from pathlib import Path

import pytest

from inferd.backup import back_up
from inferd.operator import restore
from inferd.store import KeyPlaces, Store
from tests import plain_endpoints
from tests.plain_endpoints import api_key, endpoint


def _run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    restore.add_arguments(parser)
    return restore.run(parser.parse_args([str(argument) for argument in arguments]))


async def test_it_says_where_the_key_belongs_and_where_the_replaced_store_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    first, second, file = tmp_path / "a", tmp_path / "b", tmp_path / "file"
    store = await Store.open(first, KeyPlaces.of(first, None, {}), plain_endpoints.restore)
    await store.create(endpoint("x"), api_key())
    await store.close()
    back_up(first, file)
    assert _run(file, "--store", second) == 0
    said = capsys.readouterr()
    assert said.out == "1 endpoints restored.\n" and f"put it to {second / 'key'} before the start" in said.err
    (second / "key").write_bytes((first / "key").read_bytes())
    (second / "key").chmod(0o600)
    assert _run(file, "--store", second, "--force") == 0
    said = capsys.readouterr()
    assert "What was there before is kept in" in said.err and "Client keys are those of the backup" in said.err
    assert "is missing" not in said.err
