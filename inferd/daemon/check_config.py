"""``inferd check-config``: says whether a configuration is right, and shows it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from inferd.app import address_policy, check_base_url, upstream_client
from inferd.config import BadConfiguration, Config, Tls, at_home, load
from inferd.daemon.sockets import CannotListen, address_in
from inferd.daemon.tls import Certificate, CertificateUnusable

# What a daemon does not import before it needs it, which may be at night.
LATE = (
    "aiohttp.http_exceptions", "ctypes", "inferd.chunking.passages", "inferd.cipher", "inferd.exposition",
    "inferd.rest.aiohttp_server", "inferd.upstream.aiohttp_client", "numpy", "orjson", "yarl",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds which configuration is meant."""
    parser.add_argument("--config", type=Path, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints every option that is in force, 1 if a library is missing.

    BadConfiguration and ValueError say what is wrong, in the words of a start that would fail by it.
    """
    config = load(arguments.config, os.environ)
    try:
        asyncio.run(_tried(config, os.environ))
    except (CannotListen, CertificateUnusable) as problem:
        raise BadConfiguration(str(problem)) from None
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


async def _tried(config: Config, environ: Mapping[str, str]) -> None:
    """Does what a start does before it looks at the store, but for listening: another daemon may do that."""
    host, _ = address_in(config.server.listen)
    if not _elsewhere(config.tls, environ):
        Certificate.of(config.tls, environ)
    policy = address_policy(config, host)
    check_base_url(policy, config)
    await upstream_client(policy, config).close()


def _elsewhere(tls: Tls, environ: Mapping[str, str]) -> bool:
    """True for credentials that systemd hands to the service alone: who checks its configuration cannot see them."""
    names = {"tls.cert": tls.cert, "tls.key": tls.key}
    relative = not any(at_home(Path(name), option).is_absolute() for option, name in names.items())
    return all(names.values()) and relative and "CREDENTIALS_DIRECTORY" not in environ
