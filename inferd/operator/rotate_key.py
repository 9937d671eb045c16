"""``inferd rotate-key``: another master key, with which all secrets are sealed again; while no daemon runs.

The new key is on disk before it is used, and the old one stays until it is of no use, so an interruption at any moment
loses nothing: the next run goes on where it was.
"""

import argparse
import os
from pathlib import Path

from inferd.operator.state import add_state_arguments, key_places_of, state_of
from inferd.store.database import Database
from inferd.store.files import DATABASE, locked, sync_folder
from inferd.store.making import PURPOSE
from inferd.store.rotation import reseal
from inferd.vault import KeyMissing, KeyPlaces, MasterKey, StoreUnusable, Vault


class NothingToRotate(StoreUnusable):
    """There is no store."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which state is meant."""
    add_state_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Rotates; StoreUnusable and BadConfiguration say why not."""
    directory, keys = state_of(arguments), key_places_of(arguments)
    path = directory / DATABASE
    if not path.exists():
        raise NothingToRotate(f"there is no store in {directory}")
    with locked(directory):
        key_id, old = rotate(path, keys.file)
    print(f"The new master key is in {keys.file} (id {key_id}); all secrets are sealed with it.")
    print(f"The old one is kept in {old}: it opens earlier backups, and nothing else. Remove it when they are gone.")
    return 0


def rotate(path: Path, key_file: Path) -> tuple[str, Path]:
    """The id of the new key, which is in ``key_file`` now, and where the old one is."""
    next_file = key_file.with_name(f"{key_file.name}.next")
    current = _found(key_file)
    following = KeyPlaces(None, next_file).find() or KeyPlaces(None, next_file).make()
    old, new = Vault(current, PURPOSE), Vault(following, PURPOSE)
    database = Database.open(path)
    try:
        key_id, check = database.key()
    finally:
        database.close()
    if key_id != new.key_id:
        old.verify(key_id, check)
        _take_after(key_file, next_file)
        reseal(path, old, new)
    kept = key_file.with_name(f"{key_file.name}.{old.key_id}")
    if not kept.exists():
        os.link(key_file, kept)
    next_file.replace(key_file)
    sync_folder(key_file.parent)
    return new.key_id, kept


def _found(key_file: Path) -> MasterKey:
    key = KeyPlaces(None, key_file).find()
    if key is None:
        raise KeyMissing(f"there is no master key in {key_file}: name it by --key-file")
    return key


def _take_after(key_file: Path, next_file: Path) -> None:
    """The new file belongs to whom the old one did, and is as open to others."""
    status = key_file.stat()
    if os.geteuid() == 0:
        os.chown(next_file, status.st_uid, status.st_gid)
    next_file.chmod(status.st_mode & 0o777)
