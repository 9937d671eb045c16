"""The file of client keys: made, read, changed by several at once, damaged."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inferd import client_keys
from inferd.client_keys import BadKeyName, KeysUnusable, create, digest, read, revoke
from inferd.vault import StoreUnusable


def test_a_key_is_kept_by_its_digest_alone(tmp_path: Path) -> None:
    key = create(tmp_path / "state", "ops", "admin")
    [kept] = read(tmp_path / "state")
    assert (kept.name, kept.role, kept.sha256) == ("ops", "admin", digest(key))
    assert key.startswith("inferd_") and len(key) == 50
    file = tmp_path / "state" / client_keys.FILE
    assert key not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_without_a_file_has_no_keys(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    assert read(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "é", "a" * 65, "a\n"])
def test_a_name_that_no_log_line_could_carry_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadKeyName, match="cannot be the name of a key"):
        create(tmp_path, name, "user")


def test_a_name_is_there_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    create(tmp_path, "a", "user")
    with pytest.raises(BadKeyName, match=r"there is a key \[a\] already"):
        create(tmp_path, "a", "admin")
    assert [key.role for key in read(tmp_path)] == ["user"]


def test_a_revoked_key_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        create(tmp_path / "state", name, "user")
    revoke(tmp_path / "state", "b")
    assert [key.name for key in read(tmp_path / "state")] == ["a", "c"]
    with pytest.raises(BadKeyName, match=r"there is no key \[b\]"):
        revoke(tmp_path / "state", "b")


def test_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    names = [f"key-{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: create(tmp_path / "state", name, "user"), names))
    assert sorted(key.name for key in read(tmp_path / "state")) == sorted(names)
    assert [file.name for file in (tmp_path / "state").iterdir()] == [client_keys.FILE]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"version":2,"keys":[]}', '{"version":1,"keys":[{"name":"a"}]}', b"\xff",
     '{"version":1,"keys":[{"name":"a","role":"god","sha256":"' + "0" * 64 + '","created":""}]}',
     '{"version":1,"keys":[{"name":"a","role":"user","sha256":"0","created":""}]}'],
)  # fmt: skip
def test_a_damaged_file_is_named_and_not_replaced(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / client_keys.FILE
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    before = file.read_bytes()
    with pytest.raises(KeysUnusable, match="are damaged"):
        read(tmp_path)
    with pytest.raises(KeysUnusable, match="are damaged"):
        revoke(tmp_path, "a")
    assert file.read_bytes() == before


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / client_keys.FILE).mkdir()
    with pytest.raises(KeysUnusable, match="cannot be read: Is a directory"):
        read(tmp_path / "state")
    with pytest.raises(KeysUnusable, match="cannot be used: No such file"):
        revoke(tmp_path / "nowhere", "a")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    (tmp_path / "full").mkdir(mode=0o700)
    with pytest.raises(KeysUnusable, match="cannot be written: No space left on device"):
        create(tmp_path / "full", "a", "user")
    assert list((tmp_path / "full").iterdir()) == []


def test_an_open_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open/file").touch()
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(StoreUnusable, match="is open to others"):
        create(tmp_path / "open", "a", "user")


@pytest.mark.parametrize(("uid", "owners"), [(0, [(os.getuid(), os.getgid())]), (4711, [])])
def test_an_administrator_makes_keys_for_the_folders_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, owners: list[tuple[int, int]]
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _, user, group: given.append((user, group)))
    (tmp_path / "state").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    create(tmp_path / "state", "a", "user")
    assert given == owners
