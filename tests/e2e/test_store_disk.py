"""A full disk and a sync that fails are answered as such, and the store has what it acknowledged, no more."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferd.errors import StatusFailure
from tests.e2e.store_account import Account
from tests.e2e.store_writer import opened
from tests.plain_endpoints import api_key, endpoint


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; only root can have one, so others skip."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a small tmpfs takes root")
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", disk], capture_output=True)
    if made.returncode != 0:
        pytest.skip("this root may not mount a small tmpfs")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


async def test_a_full_disk_refuses_writes_until_there_is_room(small_disk: Path) -> None:
    store = await opened(small_disk / "state")
    await store.create(endpoint("first"), api_key())
    ballast = small_disk / "ballast"
    # Room for nothing, then for a page more and more: each time the disk is full at another step of the write.
    refused = 0
    for pages in range(12):
        _fill(ballast, leave=pages * 4096)
        before = {one.inference_id: one for one in store.all()}
        name = f"later-{pages}"
        try:
            await store.create(endpoint(name, "m" * 9000), api_key())
        except StatusFailure as failure:
            refused += 1
            assert failure.status == 503
            assert "disk" in failure.reason
            assert failure.reason.endswith("nothing was changed")
            assert {one.inference_id: one for one in store.all()} == before
            await store_agrees(small_disk, store.all())
    assert 1 < refused < 12
    with pytest.raises(StatusFailure):
        _fill(ballast, leave=0)
        store._written = float("-inf")
        await store.probe()
    ballast.unlink()
    await store.probe()
    await store.create(endpoint("at last"), api_key())
    await store_agrees(small_disk, store.all())
    await store.close()


def _fill(ballast: Path, leave: int) -> None:
    """Take up the disk but for ``leave`` bytes."""
    with open(ballast, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(ballast, ballast.stat().st_size - leave)


async def store_agrees(disk: Path, expected: object) -> None:
    """A copy of the files, opened anew, has what the running store answers."""
    with contextlib.ExitStack() as stack:
        copy = disk.parent / "copy"
        shutil.copytree(disk / "state", copy)
        stack.callback(shutil.rmtree, copy)
        reader = await opened(copy)
        assert reader.all() == expected
        await reader.close()


# The syncs of one commit: 1 journal, 2 folder, 3 journal, 4 database, 5 journal again. SQLite does not report 2.
@pytest.mark.parametrize("when", ["1", "3", "4", "5", "1..60+3", "4+", "5+"])
async def test_a_sync_that_fails_is_not_acknowledged(tmp_path: Path, when: str) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("failing a sync takes strace")
    folder, trace = tmp_path / "state", tmp_path / "trace"
    account = Account(lasting=when.endswith("+"))
    store = await opened(folder)
    for number in range(4):
        await store.create(endpoint(f"w{number}-0", "before"), api_key("before"))
        account.held[f"w{number}-0"] = "before"
    await store.close()
    inject = ["--trace=fdatasync", f"--inject=fdatasync:error=EIO:when={when}", "-o", str(trace)]
    ran = subprocess.run(
        [strace, "-f", "-qq", *inject, sys.executable, "-m", "tests.e2e.store_writer"],
        input=f"{folder} 1 4\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    if not trace.exists() or "INJECTED" not in trace.read_text():
        pytest.skip("strace is not allowed here, or this SQLite syncs otherwise")
    for line in ran.stdout.splitlines():
        account.hear(line)
    assert account.failed > 0
    assert account.acknowledged + account.failed == 16
    await account.settle(folder)
