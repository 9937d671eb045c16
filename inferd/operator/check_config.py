"""``inferd check-config``: says whether a configuration is right, and shows it."""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

from inferd.config import load

# What a daemon does not import before it needs it, which may be at night.
LATE = (
    "aiohttp.http_exceptions", "ctypes", "inferd.chunking.passages", "inferd.cipher", "inferd.exposition",
    "inferd.rest.aiohttp_server", "inferd.upstream.aiohttp_client", "numpy", "orjson", "yarl",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds which configuration is meant."""
    parser.add_argument("--config", type=Path, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints every option that is in force, 1 if a library is missing; BadConfiguration says what is wrong."""
    config = load(arguments.config, os.environ)
    for section in config.__struct_fields__:
        options = getattr(config, section)
        for option in options.__struct_fields__:
            print(f"{section}.{option} = {getattr(options, option)!r}")
    try:
        for name in LATE:
            import_module(name)
    except ImportError as problem:
        print(f"inferd: the installation is broken: {problem}", file=sys.stderr)
        return 1
    return 0
