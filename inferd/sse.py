"""Server-sent events: bytes in, events out, and the other way round (WHATWG HTML, section 9.2)."""

from typing import NamedTuple, TypeVar

import msgspec

# Far above any chunk a model sends (the largest known are tool calls and images of some megabytes), and small enough
# that a thousand hostile streams cannot fill the memory.
MAX_EVENT = 8 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_START = b"event: message\ndata: "
_BETWEEN = b"\n\n" + _START

# No JSON holds the latter: between two values something else than the tab would stand, and in a string no tab may.
_NEXT, _NEXT_VALUE = b"}\n\ndata: {", b"}\t{"

# By how many bytes each event is longer than what ``values`` makes of it.
_DROPPED = len(_NEXT) - len(_NEXT_VALUE)

_LF, _CR, _BRACE = 0x0A, 0x0D, 0x7D

Value = TypeVar("Value")


class Event(NamedTuple):
    """One event: its ``name`` (``message`` where the sender gave none) and its ``data`` as the bytes that came."""

    name: bytes
    data: bytes


class EventTooLarge(Exception):
    """An event has grown past the decoder's limit without coming to an end."""


class Decoder:
    """Turns the bytes of a stream, cut anywhere, into events.

    You call ``feed`` with every read; an event is returned by the call that completes it. What is unfinished when the
    stream ends is no event, as the standard says: just drop the decoder. Lines may end in LF, CR or CRLF, comments are
    passed over, field names are taken in any case (Elasticsearch's ServerSentEventParser), an event without data is
    none. Text is not decoded: invalid UTF-8 is for whoever reads ``data`` to refuse.
    """

    __slots__ = ("_after_cr", "_at_start", "_between", "_limit", "_rest")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._after_cr = False
        self._at_start = True
        # Between two events, and nothing of either has to be borne in mind.
        self._between = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes, in order; see ``whole`` for the failure."""
        return events(self.whole(data))

    def whole(self, data: bytes) -> bytes:
        """The lines of the events that ``data`` completes, each line ending in LF; for ``events`` and ``values``.

        EventTooLarge when an earlier call left more than the limit unfinished: so the events before a giant are
        delivered first.
        """
        # Numbers, because bytes are looked for in bytes as what could be a number first: by way of an exception.
        if self._after_cr or _CR in data:
            data = self._with_plain_line_ends(data)
        # Most reads begin and end with an event.
        if data[-2:] != b"\n\n" or self._rest or self._at_start:
            data = self._completed(data)
        self._between = not (self._rest or self._at_start or self._after_cr)
        return data

    def value(self, data: bytes, decoder: "msgspec.json.Decoder[Value]") -> Value | None:
        """What ``decoder`` finds in ``data``, if that is one event and nothing else: so a model's words mostly come.

        None if it is not, or not one line in braces: nothing of ``data`` is taken then, give it to ``whole``.
        """
        if self._between and data[:7] == b"data: {" and data[-3:] == b"}\n\n":
            text = data[6:-2]
            if _LF not in text and _CR not in text:
                try:
                    return decoder.decode(text)
                except (ValueError, RecursionError):
                    pass
        return None

    def _completed(self, data: bytes) -> bytes:
        if len(self._rest) > self._limit:
            raise EventTooLarge
        searched = max(0, len(self._rest) - 1)
        self._rest += data
        if self._at_start and not self._past_start():
            return b""
        end = self._rest.rfind(b"\n\n", searched) + 2
        if end < 2:
            return b""
        lines = bytes(self._rest[:end])
        del self._rest[:end]
        return lines

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        # A CR ends its line at once, or an event would wait for the next read; the LF that may follow is dropped then.
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:
                data = data[1:]
        if _CR in data:
            self._after_cr = data[-1] == _CR
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _past_start(self) -> bool:
        """Drops a byte order mark; False while too little came to tell."""
        if len(self._rest) < 3 and _BYTE_ORDER_MARK.startswith(self._rest):
            return False
        self._at_start = False
        if self._rest.startswith(_BYTE_ORDER_MARK):
            del self._rest[:3]
        return True


def events(lines: bytes) -> list[Event]:
    """The events in ``lines``, which hold whole ones only."""
    return [event for block in lines.split(b"\n\n") if (event := _event(block)) is not None]


def values(lines: bytes, decoder: "msgspec.json.Decoder[Value]") -> list[Value] | None:
    """What ``decoder`` finds in the events in ``lines``, which hold whole ones only: one value in each.

    None unless each event is one line in braces, and nothing else is there: then look at them one by one. A parser of
    values that follow each other finds one for each event or fails, or there are more of them than events: none of
    them can reach into the next event.
    """
    if lines[:7] != b"data: {" or lines[-3] != _BRACE:
        return None
    # The space before the first value stays, as the tab before each of the others.
    data = lines[5:-2].replace(_NEXT, _NEXT_VALUE)
    if _LF in data:
        return None
    try:
        found = decoder.decode_lines(data)
    except (ValueError, RecursionError):
        return None
    return found if len(found) * _DROPPED == len(lines) - len(data) else None


def encode(data: bytes, name: bytes = b"message") -> bytes:
    """One event as Elasticsearch writes it, without the byte order mark; ``data`` is JSON on one line."""
    return b"event: %b\ndata: %b\n\n" % (name, data)


def encode_each(lines: bytes) -> bytes:
    """The same of each of ``lines``, all of which are JSON and end in LF."""
    return _START + lines[:-1].replace(b"\n", _BETWEEN) + b"\n\n"


def _event(block: bytes) -> Event | None:
    # What nearly every provider sends, first: one data line and nothing else.
    if block.startswith(b"data: ") and b"\n" not in block:
        return Event(b"message", block[6:])
    name, lines = b"message", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        field = field.lower()
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value or b"message"
    return Event(name, b"\n".join(lines)) if lines else None
