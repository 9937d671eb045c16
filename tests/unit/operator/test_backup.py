"""``inferd backup`` and ``inferd restore`` as they are typed."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from inferd.operator import backup
from inferd.store import KeyPlaces, Store
from tests.plain_endpoints import api_key, endpoint, restore


def _run(
    add: Callable[[argparse.ArgumentParser], None], run: Callable[[argparse.Namespace], int], *arguments: object
) -> int:
    parser = argparse.ArgumentParser()
    add(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


async def test_both_ways_and_what_is_said_on_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    first, second, file = tmp_path / "a", tmp_path / "b", tmp_path / "file"
    store = await Store.open(first, KeyPlaces.of(first, None, {}), restore)
    await store.create(endpoint("x"), api_key())
    await store.close()
    assert _run(backup.add_backup_arguments, backup.run_backup, file, "--store", first) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{file}: 1 endpoints") and "is not in it" in said.err
    assert _run(backup.add_restore_arguments, backup.run_restore, file, "--store", second) == 0
    said = capsys.readouterr()
    assert said.out == "1 endpoints restored.\n" and f"put it to {second / 'key'} before the start" in said.err
    (second / "key").write_bytes((first / "key").read_bytes())
    (second / "key").chmod(0o600)
    assert _run(backup.add_restore_arguments, backup.run_restore, file, "--store", second, "--force") == 0
    said = capsys.readouterr()
    assert "What was there before is kept in" in said.err and "is missing" not in said.err
