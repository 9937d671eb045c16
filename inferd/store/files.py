"""The folder of the store: where it is, that it is private, and that one daemon alone has it."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from inferd.config import at_home
from inferd.vault import StoreUnusable

DATABASE = "endpoints.sqlite"
LOCK = "lock"


class FolderUnusable(StoreUnusable):
    """The folder cannot be made, read or written, or it is open to others."""


class StoreLocked(StoreUnusable):
    """Another daemon has the store."""


def state_directory(option: Path | None, environ: Mapping[str, str]) -> Path:
    """``[store] directory``, else the first of systemd's ``$STATE_DIRECTORY``, else ``~/.local/state/inferd``.

    Raises BadConfiguration for a home that is not known.
    """
    if option is not None:
        return at_home(option, "store.directory")
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    home = Path(environ.get("HOME") or "~", ".local/state/inferd")
    return Path(given) if given else at_home(home, "store.directory")


def prepare(directory: Path) -> None:
    """Make ``directory`` if it is not there, and be sure that it is 0700; raises FolderUnusable.

    An empty folder of our own is closed to others. One with content is only refused, for it may have been named by
    mistake: closing ``/tmp`` would harm more than the daemon.
    """
    with _told(directory):
        if not directory.exists():
            # Another process may make it at this very moment: the daemon and the first client key, say.
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A umask may have taken bits of our own away.
            directory.chmod(0o700)
            sync_folder(directory.parent)
        status = directory.stat()
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode) and mode & 0o077:
            if status.st_uid != os.geteuid() or any(directory.iterdir()):
                raise FolderUnusable(
                    f"the store folder {directory} is open to others (mode {mode:04o}): chmod 700 it, or name a new one"
                )
            directory.chmod(0o700)


def sync_folder(directory: Path) -> None:
    """Make durable which files ``directory`` holds; raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Have the store alone while inside; raises StoreLocked, which says by which process it is held.

    The lock is on a file of its own and not on the database, so that a backup may read that through SQLite. The kernel
    drops it with the process, however that ends: there are no stale locks, and the file stays.
    """
    path = directory / LOCK
    with _told(directory):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, directory: Path) -> None:
    with _told(directory):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise StoreLocked(f"the store in {directory} is in use by another inferd (process {holder})") from None
        os.fchmod(descriptor, 0o600)
    # The number is a courtesy to the one who reads the message: a full disk must not stop the start for it.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


@contextlib.contextmanager
def _told(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderUnusable(f"the store folder {directory} cannot be used: {error.strerror}") from error
