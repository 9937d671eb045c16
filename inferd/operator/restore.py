"""``inferd restore``: the state that ``inferd backup`` wrote, put back."""

import argparse
import sys
from pathlib import Path

from inferd import backup
from inferd.operator.state import add_state_arguments, key_places_of, state_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds where the archive is, and what may be replaced."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive that inferd backup wrote")
    parser.add_argument("--force", action="store_true", help="replace a store that is there; a copy of it is kept")
    add_state_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restores the archive; BackupUnusable, StoreUnusable and BadConfiguration say why not."""
    keys = key_places_of(arguments)
    manifest, replaced = backup.restore(arguments.file, state_of(arguments), keys, force=arguments.force)
    print(f"{manifest.endpoints} endpoints restored.")
    if replaced is not None:
        print(f"What was there before is kept in {replaced}.", file=sys.stderr)
        # A key that was taken away since the backup is one again.
        print("Client keys are those of the backup, too: look at `inferd keys list`.", file=sys.stderr)
    if keys.find() is None:
        print(f"The master key (id {manifest.key_id}) is missing: put it to {keys} before the start.", file=sys.stderr)
    return 0
