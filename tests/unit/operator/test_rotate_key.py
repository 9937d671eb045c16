"""``inferd rotate-key``: at every step where it could stop, the next run goes on, and nothing is lost."""

import argparse
import os
from pathlib import Path

import pytest

from inferd.operator import rotate_key
from inferd.store import KeyPlaces, Store, StoreUnusable
from inferd.vault import KeyMissing, KeyWrong
from tests.plain_endpoints import api_key, endpoint, restore


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one endpoint that nobody uses."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    store = await Store.open(tmp_path / "state", KeyPlaces.of(tmp_path / "state", None, {}), restore)
    await store.create(endpoint("x"), api_key("sk-x"))
    await store.close()
    return tmp_path / "state"


def _run(folder: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    rotate_key.add_arguments(parser)
    return rotate_key.run(parser.parse_args(["--store", str(folder), *arguments]))


async def _opens(folder: Path) -> bool:
    store = await Store.open(folder, KeyPlaces.of(folder, None, {}), restore)
    try:
        return store.secrets("x")["api_key"] == "sk-x"
    finally:
        await store.close()


async def test_the_new_key_opens_and_the_old_one_is_kept_apart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "key").read_bytes()
    assert _run(folder) == 0
    assert (folder / "key").read_bytes() != before and await _opens(folder)
    [kept] = folder.glob("key.*")
    assert kept.read_bytes() == before and str(kept) in capsys.readouterr().out
    (folder / "key").unlink()
    kept.rename(folder / "key")
    with pytest.raises(KeyWrong):
        await _opens(folder)


class PowerFailed(Exception):
    """Nothing after this happens."""


@pytest.mark.parametrize("step", ["reseal", "link", "replace"])
async def test_an_interruption_loses_nothing_and_the_next_run_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise PowerFailed

    with monkeypatch.context() as patched:
        places = {"reseal": (rotate_key, "reseal"), "link": (os, "link"), "replace": (Path, "replace")}
        if step == "link":
            # The new key's file comes by a link, too: that one succeeds.
            KeyPlaces(None, folder / "key.next").make()
        patched.setattr(*places[step], fail)
        with pytest.raises(PowerFailed):
            _run(folder)
    following = (folder / "key.next").read_bytes()
    assert _run(folder) == 0
    assert (folder / "key").read_bytes() == following and await _opens(folder)
    assert len(list(folder.glob("key.*"))) == 1


async def test_what_cannot_be_rotated_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="there is no store in"):
        _run(tmp_path)
    with pytest.raises(KeyMissing, match="name it by --key-file"):
        _run(folder, "--key-file", str(tmp_path / "nothing"))
    (tmp_path / "other").write_bytes(b"o" * 32)
    (tmp_path / "other").chmod(0o600)
    with pytest.raises(KeyWrong):
        _run(folder, "--key-file", str(tmp_path / "other"))
    assert await _opens(folder)


@pytest.mark.parametrize(("uid", "files"), [(0, 1), (4711, 0)])
async def test_the_new_file_is_the_old_ones_owners(
    folder: Path, monkeypatch: pytest.MonkeyPatch, uid: int, files: int
) -> None:
    given: list[tuple[int, int]] = []
    status = (folder / "key").stat()
    monkeypatch.setattr(os, "chown", lambda _, user, group: given.append((user, group)))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    rotate_key._take_after(folder / "key", folder / "lock")
    assert given == [(status.st_uid, status.st_gid)] * files
