"""The command line: which command is meant, and where it lives."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from inferd import __version__

# Command, module and help. Only the module of the command that is meant is imported: all of them would double the time
# of a start.
_COMMANDS = (
    ("serve", "inferd.serve", "run the daemon"),
    ("simulate", "inferd.simulator.command", "run the OpenAI-compatible simulator alone"),
    ("endpoints", "inferd.client.endpoints", "list, show, make and delete endpoints"),
    ("chat", "inferd.client.chat", "talk to a chat_completion endpoint"),
    ("embed", "inferd.client.embed", "embed texts"),
    ("chunk", "inferd.chunking.command", "show where chunking settings would cut a text"),
    ("health", "inferd.operator.health", "say whether a running inferd is ready, for containers and cron"),
)

# Those that read the configuration or the state: what is wrong with it is told in one line.
_STATE_COMMANDS = (
    ("check-config", "inferd.daemon.check_config", "say whether a configuration is right, and show it"),
    ("keys", "inferd.operator.keys", "make, list and revoke the keys of clients"),
    ("backup", "inferd.operator.backup", "write the state to one file, also while it runs"),
    ("restore", "inferd.operator.restore", "put back what inferd backup wrote"),
    ("rotate-key", "inferd.operator.rotate_key", "seal all secrets with a new master key"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command in ``arguments`` (the process's by default); the exit status, 2 for wrong usage."""
    typed = sys.argv[1:] if arguments is None else arguments
    parsed = _parser(typed).parse_args(typed)
    status: int = parsed.run(parsed)
    return status


def _parser(typed: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="inferd", description="Elasticsearch's Inference API, without Elasticsearch.")
    parser.add_argument("--version", action="version", version=f"inferd {__version__}")
    # With its name given, argparse need not format a usage to find that out.
    commands = parser.add_subparsers(prog=parser.prog, required=True, metavar="COMMAND")
    # No option that goes before the command takes a value.
    meant = next((each for each in typed if not each.startswith("-")), None)
    every = _COMMANDS + _STATE_COMMANDS
    # The other ones are there to be listed, which only an option before the command asks for, or a wrong one.
    for name, place, told in [each for each in every if each[:1] == tuple(typed[:1])] or every:
        command = commands.add_parser(name, help=told)
        if name == meant:
            module = import_module(place)
            module.add_arguments(command)
            about_state = (name, place, told) in _STATE_COMMANDS
            command.set_defaults(run=partial(_operate, module.run) if about_state else module.run)
    return parser


def _operate(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    # Those commands import both; `inferd --version` can do without.
    from inferd.config import BadConfiguration
    from inferd.vault import StoreUnusable

    try:
        return run(arguments)
    except (BadConfiguration, StoreUnusable, ValueError, OSError) as problem:
        print(f"inferd: {problem}", file=sys.stderr)
        return 1
