"""Gate: whoever silences a checker says which rule and why; no ``global``; whoever catches everything is named here."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

# Where a failure nobody thought of may end: the request it happened in is answered, and the daemon goes on.
CATCHES_EVERYTHING = {"inferd/rest/dispatch.py"}

_SILENCERS = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no)", re.IGNORECASE)

# A code and, behind a second # or a dash, the reason. A branch no test reaches has no code.
_EXPLAINED = re.compile(
    r"#\s*(noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w, -]+\]|pragma: no (cover|branch))\s*(#|-)\s*\S.{8,}"
)
_BROAD = {"Exception", "BaseException"}


def main(names: list[str]) -> int:
    """Prints the escapes in the files ``names`` that are not allowed; 1 if there is any."""
    problems = [problem for name in names for problem in escapes(name, Path(name).read_text(encoding="utf-8"))]
    print("\n".join([*problems, f"escapes: {len(names)} files, {len(problems)} not allowed"]))
    return 1 if problems else 0


def escapes(name: str, source: str) -> Iterator[str]:
    """The escapes in ``source`` that are not allowed, ``file:line: what``."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and _SILENCERS.search(token.string) and not _EXPLAINED.search(token.string):
            yield f"{name}:{token.start[0]}: {token.string} needs a code and a reason behind it"
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.Global):
            yield f"{name}:{node.lineno}: global {', '.join(node.names)}"
        if isinstance(node, ast.ExceptHandler) and name not in CATCHES_EVERYTHING and _swallows_everything(node):
            yield f"{name}:{node.lineno}: catches everything and does not raise it again"


def _swallows_everything(handler: ast.ExceptHandler) -> bool:
    """True if ``handler`` is broad; one that ends in ``raise`` only tidies up."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(kind is None or isinstance(kind, ast.Name) and kind.id in _BROAD for kind in caught)
    last = handler.body[-1]
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
