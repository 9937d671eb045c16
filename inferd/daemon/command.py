"""``inferd serve``: runs the daemon."""

import argparse
import os
from pathlib import Path

from inferd import daemon


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds which configuration is meant, and what is said over it."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration (TOML); defaults without one")
    parser.add_argument("--listen", metavar="ADDR", help="address:port instead of [server] listen")
    parser.add_argument("--simulate", action="store_true", help="call a built-in simulator instead of OpenAI")
    parser.add_argument("--pace", type=float, default=0.0, metavar="SECONDS", help="between the simulator's chunks")


def run(arguments: argparse.Namespace) -> int:
    """Runs the daemon until it is told to stop; the exit status."""
    launch = daemon.Launch(arguments.config, arguments.listen, arguments.simulate, arguments.pace)
    return daemon.run(launch, os.environ)
