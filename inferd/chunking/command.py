"""``inferd chunk``: shows where settings would cut a text, without any server."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from io import TextIOWrapper

from inferd.chunking import worker
from inferd.chunking.chunk import Chunk, as_json, encoded, shown
from inferd.chunking.process import Process
from inferd.chunking.settings import DEFAULT_LIMIT, SEPARATOR_GROUPS, parse
from inferd.errors import Failure

# Options that are settings of the same name.
_SETTINGS = ("strategy", "max_chunk_size", "overlap", "sentence_overlap", "separator_group", "separators")
_STRATEGIES = ("sentence", "word", "recursive", "none")

INTERRUPTED = 130

# A text may hold what a terminal would obey: control characters are shown as their pictures.
_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_PICTURES |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def add_arguments(parser: ArgumentParser) -> None:
    """Gives ``parser`` the arguments that ``run`` reads."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="text in UTF-8; standard input if left out or -")
    parser.add_argument("--strategy", choices=_STRATEGIES, help="how to cut (default: sentence)")
    parser.add_argument("--max-chunk-size", type=int, metavar="WORDS", help="words in a passage (default: 250)")
    parser.add_argument("--overlap", type=int, metavar="WORDS", help="words repeated from the passage before (word)")
    parser.add_argument("--sentence-overlap", type=int, metavar="0|1", help="sentences repeated (sentence; default: 1)")
    groups = sorted(SEPARATOR_GROUPS)
    parser.add_argument("--separator-group", metavar="|".join(groups), help="ready-made separators (recursive)")
    parser.add_argument(
        "--separators", action="append", metavar="REGEX", help="a separator (recursive); repeat it for more, in order"
    )
    parser.add_argument("--json", action="store_true", help="print what POST /_inference/_chunk answers for the text")


def run(args: Namespace) -> int:
    """Prints the passages of the text; 0, or 2 with one line on standard error if it cannot be read or cut.

    130, as a shell has it, after Ctrl-C.
    """
    try:
        return _run(args)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(args: Namespace) -> int:
    try:
        text = _read(args.file)
        chunks = _cut(text, {name: value for name in _SETTINGS if (value := getattr(args, name)) is not None})
    except Failure as failure:
        return _refuse(failure.reason)
    except UnicodeDecodeError as problem:
        return _refuse(f"{_name(args.file)} is not UTF-8: byte {problem.object[problem.start]:#04x} at {problem.start}")
    except OSError as problem:
        return _refuse(f"cannot read {_name(args.file)}: {problem.strerror}")
    lines = [bytes(as_json(shown(chunks))).decode()] if args.json else _report(chunks)
    _print(lines)
    return 0


def _read(file: str | None) -> str:
    if file is None or file == "-":
        return sys.stdin.buffer.read().decode()
    with open(file, "rb") as source:
        return source.read().decode()


def _name(file: str | None) -> str:
    return "standard input" if file in (None, "-") else f"[{file}]"


def _cut(text: str, settings: dict[str, object]) -> list[Chunk]:
    parsed = parse(settings, DEFAULT_LIMIT)
    if worker.is_needed([text], parsed):
        # Ctrl-C would wait for the end of a search.
        status, output = Process().run(worker.job([text], parsed))
        return worker.answer_of([text], parsed, status, output)[0]
    # Loads ICU, which a mistake in the options need not wait for.
    from inferd.chunking.passages import chunk

    return chunk(text, parsed)


def _refuse(reason: str) -> int:
    print(f"inferd chunk: {reason}", file=sys.stderr)
    return 2


def _report(chunks: Sequence[Chunk]) -> Iterator[str]:
    """A headline for each passage and its text, where ``⟦…⟧`` is what the passage before had already."""
    reached = 0
    for number, chunk in enumerate(chunks, 1):
        repeated = max(0, min(reached, chunk.end) - chunk.start)
        note = f", repeats {repeated}" if repeated else ""
        yield f"── passage {number} of {len(chunks)} ── {chunk.start}–{chunk.end}{note} ──"
        yield _visible(chunk.text, repeated)
        reached = chunk.end


def _visible(text: str, repeated: int) -> str:
    units = encoded(text, "utf-16-le")
    before = units[: 2 * repeated].decode("utf-16-le", "surrogatepass")
    after = units[2 * repeated :].decode("utf-16-le", "surrogatepass")
    return (f"⟦{before}⟧{after}" if repeated else after).translate(_PICTURES)


def _print(lines: Iterator[str] | list[str]) -> None:
    """Prints ``lines``; whoever reads them may stop reading, and a terminal may lack some characters."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
