"""``inferd check-config``: says whether a configuration is right, and shows it."""

import argparse
import os
from pathlib import Path

from inferd.config import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds which configuration is meant."""
    parser.add_argument("--config", type=Path, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints every option that is in force; BadConfiguration says what is wrong."""
    config = load(arguments.config, os.environ)
    for section in config.__struct_fields__:
        options = getattr(config, section)
        for option in options.__struct_fields__:
            print(f"{section}.{option} = {getattr(options, option)!r}")
    return 0
