"""``inferd backup`` as it is typed."""

import argparse
from pathlib import Path

import pytest

from inferd.operator import backup
from inferd.store import KeyPlaces, Store
from tests.plain_endpoints import api_key, endpoint, restore


async def test_it_says_what_the_archive_has_and_what_it_has_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, file = tmp_path / "state", tmp_path / "file"
    store = await Store.open(state, KeyPlaces.of(state, None, {}), restore)
    await store.create(endpoint("x"), api_key())
    await store.close()
    parser = argparse.ArgumentParser()
    backup.add_arguments(parser)
    assert backup.run(parser.parse_args([str(file), "--store", str(state)])) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{file}: 1 endpoints") and "is not in it" in said.err and file.exists()
