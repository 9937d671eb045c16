"""``GET _cat/plugins`` and ``GET _nodes/plugins``: the service plug-ins that are loaded."""

from inferd.errors import IllegalArgument
from inferd.registry import Plugin
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.media_type import asks_for_json
from inferd.rest.node import NODE, heading
from inferd.rest.request import Request

_ABOUT = {
    "id": "unique node id",
    "name": "node name",
    "component": "component",
    "version": "component version",
    "description": "plugin details",
}
_DEFAULT = ("name", "component", "version")
_SHORT = {"n": "name", "c": "component", "v": "version", "d": "description"}


async def cat(request: Request) -> Answer:
    """A table, or with ``format=json`` a list; ``v`` adds a heading, ``h`` chooses columns, ``s`` sorts by some."""
    if request.flag("help"):
        return answer.text(_table([[name, "|", about] for name, about in _ABOUT.items()]))
    columns, rows = _columns(request.query("h")), [_row(plugin) for plugin in request.parts.services]
    for column in reversed(_columns(request.query("s"), ())):
        rows.sort(key=lambda row: row[column])
    if _wants_json(request):
        return answer.json([{column: row[column] for column in columns} for row in rows])
    head = [list(columns)] if request.flag("v") else []
    return answer.text(_table(head + [[row[column] for column in columns] for row in rows]))


async def nodes(request: Request) -> Answer:
    """The plug-ins of the one node (NodesInfoResponse)."""
    plugins = [
        {
            "name": plugin.service.name,
            "version": plugin.version,
            "description": _about(plugin),
            "task_types": sorted(plugin.service.task_types),
        }
        for plugin in request.parts.services
    ]
    return answer.json({**heading(), "nodes": {NODE: {"name": NODE, "plugins": plugins, "modules": []}}})


def _row(plugin: Plugin) -> dict[str, str]:
    return {
        "id": NODE,
        "name": NODE,
        "component": plugin.service.name,
        "version": plugin.version,
        "description": _about(plugin),
    }


def _about(plugin: Plugin) -> str:
    return f"inference service {plugin.service.label}, from {plugin.distribution}"


def _columns(text: str | None, default: tuple[str, ...] = _DEFAULT) -> tuple[str, ...]:
    if not text:
        return default
    names = tuple(_SHORT.get(name, name) for name in (part.strip() for part in text.split(",")) if name)
    for name in names:
        if name not in _ABOUT:
            raise IllegalArgument(f"there is no column [{name}]; there are [{', '.join(_ABOUT)}]")
    return names


def _wants_json(request: Request) -> bool:
    form = request.query("format")
    return asks_for_json(request.http.head.headers.get("Accept")) if form is None else form.lower() == "json"


def _table(rows: list[list[str]]) -> str:
    """Columns as wide as their widest word, one blank between them, none at the end of a line (RestTable)."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (" ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)
