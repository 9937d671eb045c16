"""Which state a command is about: the store folder and the places of its key."""

import argparse
import os
from pathlib import Path

from inferd.config import Config, at_home, load
from inferd.store import KeyPlaces, state_directory


def add_state_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which state is meant; ``state_of`` and ``key_places_of`` read them."""
    group = parser.add_argument_group("state")
    group.add_argument("--config", type=Path, metavar="FILE", help="the daemon's configuration")
    group.add_argument("--store", type=Path, metavar="DIR", help="the store folder instead of [store] directory")
    group.add_argument("--key-file", type=Path, metavar="FILE", help="the master key instead of [store] key_file")


def state_of(arguments: argparse.Namespace) -> Path:
    """The store folder that is meant; BadConfiguration if the configuration is wrong."""
    option = arguments.store or _option(_config(arguments).store.directory)
    return state_directory(option, os.environ)


def key_places_of(arguments: argparse.Namespace) -> KeyPlaces:
    """Where the master key is; BadConfiguration if the configuration is wrong."""
    option = arguments.key_file or _option(_config(arguments).store.key_file)
    key_file = at_home(option, "store.key_file") if option is not None else None
    return KeyPlaces.of(state_of(arguments), key_file, os.environ)


def _config(arguments: argparse.Namespace) -> Config:
    return load(arguments.config, os.environ)


def _option(text: str) -> Path | None:
    return Path(text) if text else None
