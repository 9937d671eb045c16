"""``inferd backup`` and ``inferd restore``: the state in one file, and back."""

import argparse
import sys
from pathlib import Path

from inferd.backup import back_up, restore
from inferd.operator import add_state_arguments, key_places_of, state_of


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds where the archive is to be."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive to write; one that is there is replaced")
    add_state_arguments(parser)


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds where the archive is, and what may be replaced."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive that inferd backup wrote")
    parser.add_argument("--force", action="store_true", help="replace a store that is there; a copy of it is kept")
    add_state_arguments(parser)


def run_backup(arguments: argparse.Namespace) -> int:
    """Writes the archive; BackupUnusable, StoreUnusable and BadConfiguration say why not."""
    manifest = back_up(state_of(arguments), arguments.file)
    print(f"{arguments.file}: {manifest.endpoints} endpoints, and the digests of the client keys.")
    print(
        f"The master key (id {manifest.key_id}) is not in it, on purpose: "
        "keep a copy of it elsewhere, for without it the secrets cannot be read.",
        file=sys.stderr,
    )
    return 0


def run_restore(arguments: argparse.Namespace) -> int:
    """Restores the archive; BackupUnusable, StoreUnusable and BadConfiguration say why not."""
    keys = key_places_of(arguments)
    manifest, replaced = restore(arguments.file, state_of(arguments), keys, force=arguments.force)
    print(f"{manifest.endpoints} endpoints restored.")
    if replaced is not None:
        print(f"What was there before is kept in {replaced}.", file=sys.stderr)
    if keys.find() is None:
        print(f"The master key (id {manifest.key_id}) is missing: put it to {keys} before the start.", file=sys.stderr)
    return 0
