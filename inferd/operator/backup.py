"""``inferd backup``: the state in one file."""

import argparse
import sys
from pathlib import Path

from inferd.backup import back_up
from inferd.operator.state import add_state_arguments, state_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds where the archive is to be."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive to write; one that is there is replaced")
    add_state_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Writes the archive; BackupUnusable, StoreUnusable and BadConfiguration say why not."""
    manifest = back_up(state_of(arguments), arguments.file)
    print(f"{arguments.file}: {manifest.endpoints} endpoints, and the digests of the client keys.")
    print(
        f"The master key (id {manifest.key_id}) is not in it, on purpose: "
        "keep a copy of it elsewhere, for without it the secrets cannot be read.",
        file=sys.stderr,
    )
    return 0
