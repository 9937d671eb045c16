"""The log: one line a request, one line an event of the daemon's life, to standard error; never what was sent.

On a terminal lines are for people; otherwise they are JSON, for the journal.
"""

import json
import logging
import sys
import time
from typing import TextIO

import msgspec

from inferd.config import Log as LogConfig

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# How far apart two lines of the same message are in ``seldom``, seconds.
SELDOM = 10.0

_ENCODER = msgspec.json.Encoder(enc_hook=str)


class Log:
    """Where everything inferd has to say goes. ``reconfigure`` changes level and form at once."""

    def __init__(self, config: LogConfig, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._seldom: dict[str, tuple[float, int]] = {}
        self.reconfigure(config)

    def reconfigure(self, config: LogConfig) -> None:
        """Takes over a reloaded configuration."""
        self._level = _LEVELS[config.level]
        self._json = config.format == "json" or (config.format == "auto" and not self._stream.isatty())

    def request(self, fields: dict[str, object]) -> None:
        """One finished request; level info, warning where the status is 500 or above."""
        status = fields.get("status")
        level = logging.WARNING if isinstance(status, int) and status >= 500 else logging.INFO
        self._write(level, "request", fields)

    def malformed(self, remote: str | None, kind: str) -> None:
        """A message that is no HTTP; never what it held."""
        self._write(logging.INFO, "malformed request", {"remote": remote, "kind": kind})

    def debug(self, message: str, **fields: object) -> None:
        """What only someone looking for a fault wants to see."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        """An event in the daemon's life."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something an operator should look at in the morning."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Something an operator should look at now."""
        self._write(logging.ERROR, message, fields)

    def seldom(self, message: str, **fields: object) -> None:
        """A warning that may come thousands of times a second: one in ten seconds is written, the others counted.

        ``message`` must be one of a fixed set: what was said is remembered by it.
        """
        now = time.monotonic()
        until, unsaid = self._seldom.get(message, (0.0, 0))
        if now < until:
            self._seldom[message] = (until, unsaid + 1)
        else:
            self._seldom[message] = (now + SELDOM, 0)
            self.warning(message, **fields, unsaid=unsaid or None)

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        if level < self._level:
            return
        told = {name: _utf8(value) for name, value in fields.items() if value is not None}
        name = logging.getLevelName(level).lower()
        if self._json:
            line = _ENCODER.encode({"time": _now(), "level": name, "message": message, **told}).decode()
        else:
            pairs = " ".join(f"{key}={_plain(value)}" for key, value in told.items())
            line = f"{_now()} {name:7} {message} {pairs}".rstrip()
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # Nobody can be told that nobody listens; the daemon's work goes on.


class LibraryHandler(logging.Handler):
    """Brings what libraries log to the log, one line each; their tracebacks might tell secrets."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        # What asyncio says goes on for lines with what its objects look like from inside.
        event = str(record.msg).partition("\n")[0][:200]
        self._log.warning("library", logger=record.name, event=event, exception=kind)


def where(bug: BaseException) -> str:
    """The innermost file and line of Python's, which say where without saying with what."""
    place, traceback = "?", bug.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        # Compiled modules show frames of sources that are not there.
        if file.endswith(".py"):
            place = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"


def _utf8(value: object) -> object:
    """``value`` as it can be written: a header that is no UTF-8 reaches us with its bytes as lone surrogates."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> str:
    """``value`` as it is where that cannot be misread, else as a string of JSON, which breaks no line or terminal."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if text.isprintable() and text and not any(c in ' "=\\' for c in text) else json.dumps(text)
