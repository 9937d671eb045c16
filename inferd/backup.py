"""Backups: one archive with the endpoints, their sealed secrets and the digests of client keys; never the master key.

An archive is a plain tar file: ``inferd.json`` (what it is), ``endpoints.sqlite`` and, where there are client keys,
``client-keys.json``. Whoever has it without the master key has the endpoints, but none of their secrets.
"""

import contextlib
import io
import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from inferd import __version__, client_keys
from inferd.store.database import Database, connect, journal_of
from inferd.store.files import DATABASE, locked, prepare, sync_folder
from inferd.store.making import PURPOSE
from inferd.store.schema import APPLICATION_ID
from inferd.vault import KeyPlaces, StoreUnusable, Vault

MANIFEST = "inferd.json"

# Far above what a store holds: an archive that claims more was made by nobody's inferd.
MAX_MEMBER = 4 * 1024**3


class BackupUnusable(StoreUnusable):
    """The archive cannot be made, read or put in the place of what is there."""


class Manifest(msgspec.Struct, frozen=True):
    """What an archive says of itself; ``key_id`` is that of the master key which opens it."""

    format: Literal[1]
    version: str
    made: str
    endpoints: int
    key_id: str


class Restored(NamedTuple):
    """What was restored, and where the database that was there before is kept now, if there was one."""

    manifest: Manifest
    replaced: Path | None


def back_up(directory: Path, file: Path) -> Manifest:
    """Writes an archive of the store in ``directory`` to ``file``, also while a daemon uses it.

    The copy is of one moment (SQLite's backup). Raises StoreUnusable; ``file`` is replaced whole, or not at all.
    """
    path = directory / DATABASE
    if not path.exists():
        raise BackupUnusable(f"there is no store in {directory}")
    with _told(f"the backup {file} cannot be written"), tempfile.TemporaryDirectory(dir=file.parent) as folder:
        copy = Path(folder, DATABASE)
        _copy(path, copy)
        manifest = _manifest(copy)
        members = {MANIFEST: msgspec.json.format(msgspec.json.encode(manifest)), DATABASE: copy.read_bytes()}
        with contextlib.suppress(FileNotFoundError):
            members[client_keys.FILE] = (directory / client_keys.FILE).read_bytes()
        part = Path(folder, "archive")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as archive:
            _pack(archive, members)
            archive.flush()
            os.fsync(archive.fileno())
        part.replace(file)
        sync_folder(file.parent)
    return manifest


def restore(file: Path, directory: Path, keys: KeyPlaces, *, force: bool) -> Restored:
    """Puts the state in the archive ``file`` into ``directory``, which no daemon may be using.

    A store that is there is refused, and with ``force`` kept beside the new one. A master key that is there must be
    the one that opens the archive. Raises StoreUnusable; nothing was changed then.
    """
    with _told(f"the backup {file} cannot be restored"):
        prepare(directory)
        with locked(directory), tempfile.TemporaryDirectory(dir=directory, prefix=".restore-") as folder:
            _unpack(file, Path(folder))
            copy = Path(folder, DATABASE)
            manifest = _manifest(copy)
            _check_key(keys, manifest)
            path = directory / DATABASE
            if path.exists() and not force:
                raise BackupUnusable(f"there is a store in {directory} already: --force replaces it, and keeps a copy")
            replaced = _put_aside(path)
            for name in (client_keys.FILE, DATABASE):
                _put(Path(folder, name), directory)
            sync_folder(directory)
    return Restored(manifest, replaced)


def _copy(path: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.closing(connect(path, APPLICATION_ID)) as source:
        with contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)


def _manifest(copy: Path) -> Manifest:
    """Checks the copied database as a start would, and describes it."""
    database = Database.open(copy)
    try:
        rows, (key_id, _) = database.rows(), database.key()
    finally:
        database.close()
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Manifest(1, __version__, made, len(rows), key_id)


def _pack(archive: io.BufferedWriter, members: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
            tar.addfile(member, io.BytesIO(content))


def _unpack(file: Path, folder: Path) -> None:
    with tarfile.open(file, mode="r:") as tar:
        for member in tar:
            # Names are ours or refused, so that nothing is written anywhere else.
            if member.name not in (MANIFEST, DATABASE, client_keys.FILE) or not member.isreg():
                raise BackupUnusable(f"{file} is no backup of inferd: it holds something else")
            source = tar.extractfile(member)
            assert source is not None
            if member.size > MAX_MEMBER:
                raise BackupUnusable(f"{file} is no backup of inferd: it holds too much")
            with open(os.open(folder / member.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
    if not (folder / DATABASE).exists():
        raise BackupUnusable(f"{file} is no backup of inferd: it holds no endpoints")
    client_keys.read(folder)


def _check_key(keys: KeyPlaces, manifest: Manifest) -> None:
    master = keys.find()
    if master is not None and Vault(master, PURPOSE).key_id != manifest.key_id:
        raise BackupUnusable(
            f"the key in {master.source} does not open the backup: it wants the key with the id {manifest.key_id}"
        )


def _put_aside(path: Path) -> Path | None:
    """Gives the database at ``path`` a second name, so that at no moment there is none."""
    if not path.exists():
        return None
    kept = path.with_name(f"{path.name}.{secrets.token_hex(4)}.replaced")
    journal = journal_of(path)
    if journal.exists() and journal.stat().st_size:
        # What a crash left half-done belongs to the old file; beside the new one it would damage that.
        journal.rename(journal_of(kept))
    os.link(path, kept)
    return kept


def _put(source: Path, directory: Path) -> None:
    target = directory / source.name
    if not source.exists():
        # Keys that were made after the backup would let in people whom nobody expects.
        target.unlink(missing_ok=True)
        return
    owner = directory.stat()
    if os.geteuid() == 0:
        os.chown(source, owner.st_uid, owner.st_gid)
    source.replace(target)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, tarfile.TarError) as problem:
        raise BackupUnusable(f"{what}: {getattr(problem, 'strerror', None) or problem}") from None
