"""``inferd endpoints``: list, show, create and delete the endpoints of a server."""

import argparse

import msgspec

from inferd.client import settings, target, terminal
from inferd.client.intermixed import allow_options_anywhere


class _RateLimit(msgspec.Struct):
    requests_per_minute: int | None = None


class _ServiceSettings(msgspec.Struct):
    model_id: str | None = None
    rate_limit: _RateLimit | None = None


class _Endpoint(msgspec.Struct):
    inference_id: str
    task_type: str
    service: str
    service_settings: _ServiceSettings

    def row(self) -> tuple[str, ...]:
        """The endpoint as a line of the table."""
        limit = self.service_settings.rate_limit
        rate = f"{limit.requests_per_minute}/min" if limit and limit.requests_per_minute else "-"
        return (self.inference_id, self.task_type, self.service, self.service_settings.model_id or "-", rate)


class _Listing(msgspec.Struct):
    endpoints: list[_Endpoint]


HEADINGS = ("ID", "TASK TYPE", "SERVICE", "MODEL", "RATE LIMIT")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what ``inferd endpoints`` takes: an action, and what that takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="list endpoints", description="List the endpoints of a server.")
    listing.add_argument("--task-type", metavar="TYPE", help="only endpoints of this task type")
    listing.add_argument("--json", action="store_true", help="print the server's answer as it is")
    listing.set_defaults(act=_list)

    get = actions.add_parser("get", help="show an endpoint", description="Show an endpoint, without its secrets.")
    get.add_argument("id", metavar="ID")
    get.set_defaults(act=_get)

    put = actions.add_parser("put", help="create an endpoint", description=settings.DESCRIPTION)
    put.add_argument("task_type", metavar="TASK_TYPE", nargs="?", help="needed unless --body names it")
    put.add_argument("id", metavar="ID")
    settings.add_arguments(put)
    put.set_defaults(act=_put)

    delete = actions.add_parser("delete", help="delete an endpoint", description="Delete an endpoint.")
    delete.add_argument("id", metavar="ID")
    delete.add_argument("--dry-run", action="store_true", help="only say what the deletion would do")
    delete.add_argument("--force", action="store_true", help="delete it even if it is in use")
    delete.set_defaults(act=_delete)

    for action in (listing, get, put, delete):
        target.add_arguments(action)
        allow_options_anywhere(action)


def run(arguments: argparse.Namespace) -> int:
    """Does the action; gives the exit status."""
    return terminal.conclude(lambda: arguments.act(arguments))


def _list(arguments: argparse.Namespace) -> None:
    server = target.Target.of(arguments)
    path = "/_inference" if arguments.task_type is None else f"/_inference/{target.segment(arguments.task_type)}/_all"

    from inferd.client.connection import exchange

    reply = exchange(server, "GET", path)
    if arguments.json:
        return terminal.say(reply.text())
    terminal.say(_table([HEADINGS, *(endpoint.row() for endpoint in reply.read(_Listing).endpoints)]))


def _get(arguments: argparse.Namespace) -> None:
    _show(arguments, "GET", _path(arguments))


def _put(arguments: argparse.Namespace) -> None:
    task_type = "" if arguments.task_type is None else f"/{target.segment(arguments.task_type)}"
    path = f"/_inference{task_type}/{target.segment(arguments.id)}"
    _show(arguments, "PUT", path, body=settings.body(arguments))


def _delete(arguments: argparse.Namespace) -> None:
    query = {name: "true" for name in ("dry_run", "force") if getattr(arguments, name)}
    _show(arguments, "DELETE", _path(arguments), query=query)


def _path(arguments: argparse.Namespace) -> str:
    return f"/_inference/{target.segment(arguments.id)}"


def _show(
    arguments: argparse.Namespace,
    method: str,
    path: str,
    *,
    body: settings.Body | None = None,
    query: dict[str, str] | None = None,
) -> None:
    """Sends a request and prints its answer, indented; what the server warns of goes to stderr."""
    from inferd.client.connection import exchange

    reply = exchange(target.Target.of(arguments), method, path, body=body, query=query)
    for warning in reply.warnings:
        terminal.note(f"warning: {warning}")
    terminal.say(reply.indented())


def _table(rows: list[tuple[str, ...]]) -> str:
    """The rows in columns; a control character must not break one."""
    clean = [[" ".join(terminal.harmless(cell).split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in clean)
    return "".join(f"{line}\n" for line in lines)
