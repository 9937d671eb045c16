"""The folder is found, private and had by one process."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from inferd.store import files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_the_option_then_systemds_then_the_homes() -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/inferd:/var/lib/other", "HOME": "/home/ada"}
    assert files.state_directory(Path("/srv/inferd"), environ) == Path("/srv/inferd")
    assert files.state_directory(None, environ) == Path("/var/lib/inferd")
    assert files.state_directory(None, {"HOME": "/home/ada"}) == Path("/home/ada/.local/state/inferd")
    assert files.state_directory(None, {"STATE_DIRECTORY": "", "HOME": "/h"}) == Path("/h/.local/state/inferd")
    assert files.state_directory(None, {}) == Path.home() / ".local/state/inferd"


def test_a_new_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o277)
    try:
        files.prepare(tmp_path / "state")
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700


def test_a_folder_that_another_makes_at_the_same_moment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    make = Path.mkdir

    def make_second(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        make(path, 0o700)
        make(path, mode, parents, exist_ok)

    monkeypatch.setattr(Path, "mkdir", make_second)
    files.prepare(folder)
    assert mode(folder) == 0o700


def test_an_empty_folder_of_ours_is_closed_and_a_private_one_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o755)
    files.prepare(folder)
    assert mode(folder) == 0o700
    (folder / "key").touch()
    files.prepare(folder)


def test_an_open_folder_with_content_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(files.FolderUnusable) as caught:
        files.prepare(tmp_path)
    assert str(caught.value) == (
        f"the store folder {tmp_path} is open to others (mode 0755): chmod 700 it, or name a new one"
    )
    assert mode(tmp_path) == 0o755


def test_an_open_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(files.FolderUnusable, match=r"mode 0777"):
        files.prepare(tmp_path)


def test_what_cannot_be_a_folder_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(files.FolderUnusable, match=f"^the store folder {file}/state cannot be used: Not a directory$"):
        files.prepare(file / "state")
    files.prepare(file)
    with pytest.raises(files.FolderUnusable, match="Not a directory$"), files.locked(file):
        pass


def test_the_lock_is_private_and_free_again_afterwards(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with files.locked(tmp_path):
            assert mode(tmp_path / "lock") == 0o600
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    finally:
        os.umask(before)
    with files.locked(tmp_path):
        pass


def test_a_second_one_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    message = f"the store in {tmp_path} is in use by another inferd \\(process {os.getpid()}\\)"
    with files.locked(tmp_path), pytest.raises(files.StoreLocked, match=message), files.locked(tmp_path):
        pass


def test_a_holder_without_a_number_is_unknown(tmp_path: Path) -> None:
    with files.locked(tmp_path):
        os.truncate(tmp_path / "lock", 0)
        with pytest.raises(files.StoreLocked, match=r"\(process unknown\)"), files.locked(tmp_path):
            pass


def test_the_lock_is_gone_with_its_process_and_a_child_does_not_keep_it(tmp_path: Path) -> None:
    program = (
        "import os, signal, subprocess, sys; from pathlib import Path; from inferd.store.files import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    child = subprocess.Popen(['sleep', '60'], stdout=-3, stderr=-3, close_fds=False)\n"
        "    print(child.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    try:
        with files.locked(tmp_path):
            pass
    finally:
        os.kill(int(ended.stdout), 9)


def test_a_full_disk_keeps_the_number_out_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with files.locked(tmp_path):
        assert (tmp_path / "lock").read_bytes() == b""
