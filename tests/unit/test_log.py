"""The log: one line for each thing said, whatever is in it, and never more than should be said."""

import io
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.config import Log as LogConfig
from inferd.log import SELDOM, LibraryHandler, Log, RequestLine, where


class Terminal(io.StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    """A stream that takes nothing."""

    def write(self, text: str) -> int:
        raise OSError("no space left")


def said(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines of a JSON log, without their times."""
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(line.pop("time").endswith("Z") for line in lines)
    return lines


def test_for_a_program_a_line_is_json_and_for_people_it_is_text() -> None:
    for config, stream, is_json in (
        (LogConfig(), io.StringIO(), True),
        (LogConfig(), Terminal(), False),
        (LogConfig(format="json"), Terminal(), True),
        (LogConfig(format="text"), io.StringIO(), False),
    ):
        Log(config, stream).info("ready", url="http://127.0.0.1:9200")
        assert stream.getvalue().startswith("{") == is_json
        assert stream.getvalue().endswith('"}\n' if is_json else "info    ready url=http://127.0.0.1:9200\n")


def test_a_line_is_whole_and_leaves_out_what_is_not_known() -> None:
    stream = io.StringIO()
    Log(LogConfig(), stream).warning("late", ms=1.5, ok=True, why=None, how=["a", "b"])
    assert said(stream) == [{"level": "warning", "message": "late", "ms": 1.5, "ok": True, "how": ["a", "b"]}]


def test_a_line_tells_its_time_to_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    log = Log(LogConfig(format="text"), stream)
    for now in (0.0, 0.25, 1_600_000_000.0625, 1_600_000_000.9999):
        monkeypatch.setattr("inferd.log.time.time", lambda now=now: now)
        log.info("x")
    assert [line.partition(" ")[0] for line in stream.getvalue().splitlines()] == [
        "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.250Z", "2020-09-13T12:26:40.062Z", "2020-09-13T12:26:40.999Z",
    ]  # fmt: skip


def test_it_goes_to_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    Log(LogConfig()).info("ready")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["message"] == "ready"


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_what_is_below_the_level_is_not_said(level: Any, heard: list[str]) -> None:
    stream = io.StringIO()
    log = Log(LogConfig(), stream)
    log.reconfigure(LogConfig(level=level))
    for say in (log.debug, log.info, log.warning, log.error):
        say("x")
    assert [line["level"] for line in said(stream)] == heard


@pytest.mark.parametrize(
    ("status", "level"),
    [(200, "info"), (404, "info"), (499, "info"), (500, "warning"), (503, "warning"), (None, "info")],
)
def test_a_request_that_failed_by_our_fault_is_a_warning(status: int | None, level: str) -> None:
    stream = io.StringIO()
    log = Log(LogConfig(), stream)
    log.requests([RequestLine(status=status, ms=0.0)])
    told = {"level": level, "message": "request", "ms": 0.0}
    assert said(stream) == [told if status is None else {**told, "status": status}]
    log.reconfigure(LogConfig(level="error"))
    log.requests([RequestLine(status=status)])
    assert len(said(stream)) == 1


def test_a_request_is_told_to_people_too() -> None:
    stream = Terminal()
    Log(LogConfig(), stream).requests([RequestLine(id="a b", status=200)])
    assert stream.getvalue().endswith('Z info    request id="a b" status=200\n')


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_request_may_hold_what_is_no_utf_8(form: Any) -> None:
    stream = io.StringIO()
    Log(LogConfig(format=form), stream).requests([RequestLine(endpoint="\udcff")])
    assert stream.getvalue().endswith(('"endpoint":"\\\\udcff"}\n', 'endpoint="\\\\udcff"\n'))


def test_a_request_that_holds_what_is_no_utf_8_harms_no_other() -> None:
    stream = io.StringIO()
    Log(LogConfig(), stream).requests(RequestLine(endpoint=endpoint) for endpoint in ("a", "\udcff", "b"))
    assert [line["endpoint"] for line in said(stream)] == ["a", "\\udcff", "b"]


class Recorded(io.StringIO):
    """A stream that tells its writes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return super().write(text)


def test_requests_that_finish_together_are_written_together_with_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((0.25, 0.5, 1.25))
    monkeypatch.setattr("inferd.log.time.time", lambda: next(times))
    stream = Recorded()
    log = Log(LogConfig(level="warning"), stream)
    for statuses in ((500, 200, 503), (200, 404), (502,)):
        log.requests([RequestLine(status=status) for status in statuses])
    assert [re.findall(r'"status":(...)', text) for text in stream.written] == [["500", "503"], ["502"]]
    told = [json.loads(line)["time"] for line in stream.getvalue().splitlines()]
    assert told == ["1970-01-01T00:00:00.250Z"] * 2 + ["1970-01-01T00:00:01.250Z"]


def test_a_malformed_request_is_told_by_its_kind() -> None:
    stream = io.StringIO()
    Log(LogConfig(), stream).malformed(None, "BadStatusLine")
    assert said(stream) == [{"level": "info", "message": "malformed request", "kind": "BadStatusLine"}]


def test_what_comes_thousands_of_times_is_said_seldom_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("inferd.log.time.monotonic", lambda: now)
    stream = io.StringIO()
    log = Log(LogConfig(), stream)
    for _ in range(5):
        log.seldom("full", where="here")
    log.seldom("empty")
    now += SELDOM
    log.seldom("full")
    now += SELDOM
    log.seldom("full")
    told = [(line["message"], line.get("unsaid")) for line in said(stream)]
    assert told == [("full", None), ("empty", None), ("full", 4), ("full", None)]


def test_nobody_who_listens_stops_nobody() -> None:
    Log(LogConfig(), Full()).error("x")
    closed = io.StringIO()
    log = Log(LogConfig(), closed)
    closed.close()
    log.error("x")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("a\\b", '"a\\\\b"'),
        ("ü", "ü"),
        ("a\nb", '"a\\nb"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("\x9b31m", '"\\u009b31m"'),
        ("\u202etxt", '"\\u202etxt"'),
        ("\udcff", '"\\\\udcff"'),
        (1.23456, "1.235"),
        (float("nan"), "nan"),
        (["\udcff"], '"[\'\\\\udcff\']"'),
        (7, "7"),
    ],
)
def test_in_text_a_value_cannot_be_taken_for_something_else(value: object, told: str) -> None:
    stream = Terminal()
    Log(LogConfig(), stream).info("x", v=value)
    assert stream.getvalue().endswith(f" x v={told}\n")


@given(st.text(st.characters()), st.sampled_from(["json", "text"]))
def test_any_text_makes_one_line(value: str, form: Any) -> None:
    stream = io.StringIO()
    Log(LogConfig(format=form), stream).info("x", v=value)
    line = stream.getvalue()
    assert line.encode().count(b"\n") == 1
    assert line.endswith("\n")


@pytest.mark.parametrize(("value", "told"), [("\udcff", "\\udcff"), (object, "<class 'object'>"), (float("inf"), None)])
def test_what_json_has_no_word_for_is_told_all_the_same(value: object, told: str | None) -> None:
    stream = io.StringIO()
    Log(LogConfig(), stream).info("x", v=value)
    assert said(stream)[0]["v"] == told


def library_record(message: object, exception: BaseException | None = None) -> logging.LogRecord:
    info = (type(exception), exception, None) if exception is not None else None
    return logging.LogRecord("asyncio", logging.ERROR, "file", 1, message, ("hunter2",), info)


def test_what_a_library_says_is_told_without_what_it_fills_in() -> None:
    stream = io.StringIO()
    handler = LibraryHandler(Log(LogConfig(), stream))
    handler.emit(library_record("Task was destroyed: %s\ntask: <Task exception=ValueError('hunter2')>"))
    handler.emit(library_record("x" * 1000, ValueError("hunter2")))
    assert "hunter2" not in stream.getvalue()
    assert said(stream) == [
        {"level": "warning", "message": "library", "logger": "asyncio", "event": "Task was destroyed: %s"},
        {"level": "warning", "message": "library", "logger": "asyncio", "event": "x" * 200, "exception": "ValueError"},
    ]


def test_a_library_that_says_there_is_no_exception_is_understood() -> None:
    record = library_record("x")
    record.exc_info = (None, None, None)
    stream = io.StringIO()
    LibraryHandler(Log(LogConfig(), stream)).emit(record)
    assert "exception" not in said(stream)[0]


def test_a_place_is_the_innermost_of_python_s_files() -> None:
    assert where(ValueError("never raised")) == "?"
    compiled = "def f():\n    raise ValueError\n"
    names: dict[str, Callable[[], None]] = {}
    exec(compile(compiled, "uvloop/handle.pyx", "exec"), {}, names)  # As a compiled module shows itself.
    with pytest.raises(ValueError) as raised:
        names["f"]()
    assert re.fullmatch(r".*/test_log\.py:\d+", where(raised.value))
