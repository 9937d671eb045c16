"""What a command reads from and writes to: answers on stdout, everything else on stderr, and its exit status."""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TextIO

from inferd.client.failures import ClientFailure, Misuse

INTERRUPTED = 130  # as a shell reports SIGINT
BROKEN_PIPE = 141  # as a shell reports SIGPIPE

DIM, PLAIN = "\x1b[2m", "\x1b[0m"

# Whatever a model or a server sends is text: it must not move the cursor, set the title or fill the clipboard.
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def say(text: str) -> None:
    """Writes ``text`` to stdout, out at once; on a terminal without its control characters."""
    _write(sys.stdout, harmless(text) if sys.stdout.isatty() else text)


def say_dimmed(text: str) -> None:
    """Writes ``text`` faintly; only for a terminal."""
    _write(sys.stdout, f"{DIM}{harmless(text)}{PLAIN}")


def note(text: str) -> None:
    """One line on stderr; silent if nobody listens there any more."""
    with contextlib.suppress(OSError):
        _write(sys.stderr, f"inferd: {harmless(' '.join(text.split()))}\n")


def harmless(text: str) -> str:
    """``text`` without control characters other than newline and tab."""
    return text.translate(_CONTROLS)


def typed_at() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def piped_text() -> str:
    """All of stdin; Misuse if it is not text."""
    if sys.stdin is None:
        return ""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise Misuse(f"stdin is not {sys.stdin.encoding} text") from None


def conclude(work: Callable[[], None]) -> int:
    """Does ``work`` and gives its exit status, whatever befell it, told on stderr where there is something to tell."""
    try:
        work()
    except ClientFailure as failure:
        note(str(failure))
        return failure.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return BROKEN_PIPE
    except OSError as error:
        # Failures of files and sockets have become ClientFailures where they arose; left is stdout, a full disk say.
        _abandon_stdout()
        note(f"cannot write the answer: {error.strerror}")
        return ClientFailure.exit_status
    return 0


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def _abandon_stdout() -> None:
    # The interpreter flushes stdout once more when it exits, and would complain there of what is known here.
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
