"""The log: one line a request, one line an event of the daemon's life, to standard error; never what was sent.

On a terminal lines are for people; otherwise they are JSON, for the journal.
"""

import json
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TextIO, TypeAlias

import msgspec

from inferd.config import Log as LogConfig

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_NAMES = {level: name for name, level in _LEVELS.items()}

# How far apart two lines of the same message are in ``seldom``, seconds.
SELDOM = 10.0

_ENCODER = msgspec.json.Encoder(enc_hook=str)


class RequestLine(msgspec.Struct, omit_defaults=True):
    """What is said of one finished request, in this order; what is None is left out. ``ms`` are milliseconds.

    The first three are the log's to fill in. A struct, for a dict takes three times as long to make and write.
    """

    time: str | None = None
    level: str | None = None
    message: str | None = None
    id: str | None = None
    method: str | None = None
    route: str | None = None
    endpoint: str | None = None
    task: str | None = None
    client: str | None = None
    status: int | None = None
    error: str | None = None
    ms: float | None = None
    upstream_status: int | None = None
    queue_ms: float | None = None
    first_chunk_ms: float | None = None
    attempts: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    remote: str | None = None


Line: TypeAlias = dict[str, object] | RequestLine


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

    def requests(self, lines: Iterable[RequestLine]) -> None:
        """Requests that have finished together; level info, warning where the status is 500 or above.

        They are written in one go and have one time: each write takes 4 µs, or wakes up the journal.
        """
        now, said = _now(), []
        for line in lines:
            failed = line.status is not None and line.status >= 500
            if (logging.WARNING if failed else logging.INFO) >= self._level:
                line.time, line.level, line.message = now, "warning" if failed else "info", "request"
                said.append(line)
        if said:
            self._put(said)

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
        told = {name: value for name, value in fields.items() if value is not None}
        self._put([{"time": _now(), "level": _NAMES[level], "message": message, **told}])

    def _put(self, lines: Sequence[Line]) -> None:
        text = self._text(lines)
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # Nobody can be told that nobody listens; the daemon's work goes on.

    def _text(self, lines: Sequence[Line]) -> str:
        if self._json:
            try:
                return _ENCODER.encode_lines(lines).decode()
            except UnicodeEncodeError:
                pass  # A header that is no UTF-8: see _utf8.
        return "".join([self._line(line) for line in lines])

    def _line(self, line: Line) -> str:
        fields = line if isinstance(line, dict) else msgspec.structs.asdict(line)
        told = {name: _utf8(value) for name, value in fields.items() if value is not None}
        if self._json:
            return _ENCODER.encode(told).decode() + "\n"
        at, level, message = (told.pop(name) for name in ("time", "level", "message"))
        pairs = " ".join(f"{name}={_plain(value)}" for name, value in told.items())
        return f"{at} {level:7} {message} {pairs}".rstrip() + "\n"


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
    return f"{_second(int(now))}.{int(now % 1 * 1000):03}Z"


# Writing a time takes 3 µs, and thousands of lines are said in a second.
@lru_cache(1)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _utf8(value: object) -> object:
    """``value`` as it can be written: a header that is no UTF-8 reaches us with its bytes as lone surrogates."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> str:
    """``value`` as it is where that cannot be misread, else as a string of JSON, which breaks no line or terminal."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if text.isprintable() and text and not any(c in ' "=\\' for c in text) else json.dumps(text)
