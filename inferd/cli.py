"""The command line: which command is meant, and where it lives."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from inferd import __version__

DEFAULT_SIMULATOR = "127.0.0.1:9201"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command in ``arguments`` (the process's by default); the exit status, 2 for wrong usage."""
    parsed = _parser().parse_args(arguments)
    status: int = parsed.run(parsed)
    return status


def _parser() -> argparse.ArgumentParser:
    from inferd.chunking import command as chunk
    from inferd.client import chat, embed, endpoints

    parser = argparse.ArgumentParser(prog="inferd", description="Elasticsearch's Inference API, without Elasticsearch.")
    parser.add_argument("--version", action="version", version=f"inferd {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the daemon")
    _serve_arguments(serve)
    simulate = commands.add_parser(
        "simulate",
        help="run the OpenAI-compatible simulator alone",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_LazyText(),
    )
    _simulate_arguments(simulate)
    check = commands.add_parser("check-config", help="say whether a configuration is right, and show it")
    check.add_argument("--config", type=Path, metavar="FILE")
    check.set_defaults(run=_check_config)
    for name, module, told in (
        ("endpoints", endpoints, "list, show, make and delete endpoints"),
        ("chat", chat, "talk to a chat_completion endpoint"),
        ("embed", embed, "embed texts"),
        ("chunk", chunk, "show where chunking settings would cut a text"),
    ):
        command = commands.add_parser(name, help=told)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    _operator_commands(commands)
    return parser


def _operator_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    from inferd.operator import backup, health, keys, rotate_key

    for name, add_arguments, run, told in (
        ("keys", keys.add_arguments, keys.run, "make, list and revoke the keys of clients"),
        ("health", health.add_arguments, health.run, "say whether a running inferd is ready, for containers and cron"),
        ("backup", backup.add_backup_arguments, backup.run_backup, "write the state to one file, also while it runs"),
        ("restore", backup.add_restore_arguments, backup.run_restore, "put back what inferd backup wrote"),
        ("rotate-key", rotate_key.add_arguments, rotate_key.run, "seal all secrets with a new master key"),
    ):
        command = commands.add_parser(name, help=told)
        add_arguments(command)
        command.set_defaults(run=partial(_operate, run))


def _operate(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    from inferd.config import BadConfiguration
    from inferd.store import StoreUnusable

    try:
        return run(arguments)
    except (BadConfiguration, StoreUnusable, ValueError, OSError) as problem:
        print(f"inferd: {problem}", file=sys.stderr)
        return 1


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration (TOML); defaults without one")
    parser.add_argument("--listen", metavar="ADDR", help="address:port instead of [server] listen")
    parser.add_argument("--simulate", action="store_true", help="call a built-in simulator instead of OpenAI")
    parser.add_argument("--pace", type=float, default=0.0, metavar="SECONDS", help="between the simulator's chunks")
    parser.set_defaults(run=_serve)


def _simulate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", metavar="ADDR", default=DEFAULT_SIMULATOR, help="address:port (%(default)s)")
    parser.add_argument("--pace", type=float, default=0.02, metavar="SECONDS", help="between chunks (%(default)s)")
    parser.set_defaults(run=_simulate)


def _serve(arguments: argparse.Namespace) -> int:
    from inferd.daemon import Launch, run

    return run(Launch(arguments.config, arguments.listen, arguments.simulate, arguments.pace), os.environ)


def _simulate(arguments: argparse.Namespace) -> int:
    from inferd.simulator import serve

    host, _, port = arguments.listen.rpartition(":")
    print(f"inferd's simulator (no model answers) at http://{arguments.listen}/v1", file=sys.stderr)
    try:
        asyncio.run(serve(host.strip("[]") or "127.0.0.1", int(port), arguments.pace))
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError) as problem:
        print(f"inferd: {problem}", file=sys.stderr)
        return 1
    return 0


def _check_config(arguments: argparse.Namespace) -> int:
    from inferd.config import BadConfiguration, load

    try:
        config = load(arguments.config, os.environ)
    except BadConfiguration as problem:
        print(f"inferd: {problem}", file=sys.stderr)
        return 1
    for section in config.__struct_fields__:
        options = getattr(config, section)
        for option in options.__struct_fields__:
            print(f"{section}.{option} = {getattr(options, option)!r}")
    return 0


class _LazyText(str):
    """The list of faults, looked up only when the help is printed."""

    def splitlines(self, keepends: bool = False) -> list[str]:
        """See str; what RawDescriptionHelpFormatter asks for."""
        return str(self).splitlines(keepends)

    def __str__(self) -> str:
        from inferd.simulator import faults_help

        return faults_help()
