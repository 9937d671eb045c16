"""Gate: no file is longer than 300 lines, no function longer than 60."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 300
FUNCTION_LINES = 60


def main(names: list[str]) -> int:
    """Prints what in the files ``names`` is too long; 1 if there is any."""
    problems = [problem for name in names for problem in too_long(name, Path(name).read_text(encoding="utf-8"))]
    print("\n".join([*problems, f"size: {len(names)} files, {len(problems)} too long"]))
    return 1 if problems else 0


def too_long(name: str, source: str) -> Iterator[str]:
    """What in ``source`` is too long, ``file:line: what``."""
    lines = source.count("\n")
    if lines > FILE_LINES:
        yield f"{name}:1: the file has {lines} lines, more than {FILE_LINES}"
    if not name.endswith(".py"):
        return
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, more than {FUNCTION_LINES}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
