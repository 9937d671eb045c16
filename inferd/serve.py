"""``inferd serve``: runs the daemon, with no more of the libraries than it needs."""

import argparse
import gc
import os
from pathlib import Path

from inferd.lazy import defer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds which configuration is meant, and what is said over it."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration (TOML); defaults without one")
    parser.add_argument("--listen", metavar="ADDR", help="address:port instead of [server] listen")
    parser.add_argument("--simulate", action="store_true", help="call a built-in simulator instead of OpenAI")
    parser.add_argument("--pace", type=float, default=0.0, metavar="SECONDS", help="between the simulator's chunks")


def run(arguments: argparse.Namespace) -> int:
    """Runs the daemon until it is told to stop; the exit status."""
    # What is made now stays: to look for garbage meanwhile is a tenth of a start. The daemon does when it is ready.
    gc.disable()
    # Its server is wanted. Its client, which comes first in the package, reads the system's certificates, twice: all
    # in all a quarter of a start, and 5 MB.
    defer("aiohttp")
    # The package asks for its own version, which is looked for in all that is installed.
    defer("aiolimiter")
    from inferd import daemon

    launch = daemon.Launch(arguments.config, arguments.listen, arguments.simulate, arguments.pace)
    return daemon.run(launch, os.environ)
