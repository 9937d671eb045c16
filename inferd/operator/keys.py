"""``inferd keys``: makes, lists and revokes the keys of clients; a running daemon takes them over by itself."""

import argparse
import sys

from inferd import client_keys
from inferd.operator.state import add_state_arguments, state_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds ``create``, ``list`` and ``revoke``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it, once")
    create.add_argument("name", help="what the key is called in the log")
    create.add_argument(
        "--role", choices=("user", "admin"), required=True, help="user: infer and read; admin: change endpoints, too"
    )
    create.set_defaults(action=_create)
    show = actions.add_parser("list", help="show the names and roles of all keys")
    show.set_defaults(action=_list)
    revoke = actions.add_parser("revoke", help="take a key away")
    revoke.add_argument("name")
    revoke.set_defaults(action=_revoke)
    for action in (create, show, revoke):
        add_state_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Does what is asked; BadKeyName, StoreUnusable and BadConfiguration say why not."""
    arguments.action(arguments)
    return 0


def _create(arguments: argparse.Namespace) -> None:
    key = client_keys.create(state_of(arguments), arguments.name, arguments.role)
    # Alone on standard output, for scripts.
    print(key)
    print(f"This is the key [{arguments.name}]; it is not kept and will not be shown again.", file=sys.stderr)


def _list(arguments: argparse.Namespace) -> None:
    for key in client_keys.read(state_of(arguments)):
        print(f"{key.name}\t{key.role}\t{key.created}")


def _revoke(arguments: argparse.Namespace) -> None:
    client_keys.revoke(state_of(arguments), arguments.name)
    print(f"The key [{arguments.name}] is revoked.", file=sys.stderr)
