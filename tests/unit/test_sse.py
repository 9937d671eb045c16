"""The event decoder, given the same bytes cut at every place, and the encoder."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.sse import Decoder, Event, EventTooLarge, encode, encode_each, events, values

STREAM = (
    "\ufeffevent: message\r\ndata: one\r\n\r\n"
    ": a comment\rdata: tw\u00f6\rdata:  lines\r\r"
    "DATA:x\nid: 7\nretry: 5\nnonsense\n\n\n\n"
    "event: error\ndata\n\n"
    "event: nothing\n\n"
    "event:\ndata: \U0001f600\n\n"
    "data: [DONE]\n\ndata: cut off"
).encode()
EVENTS = [
    Event(b"message", b"one"),
    Event(b"message", "tw\u00f6\n lines".encode()),
    Event(b"message", b"x"),
    Event(b"error", b""),
    Event(b"message", "\U0001f600".encode()),
    Event(b"message", b"[DONE]"),
]


def decode(*pieces: bytes) -> list[Event]:
    decoder = Decoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def test_a_stream_whole() -> None:
    assert decode(STREAM) == EVENTS


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_a_stream_cut_once_anywhere(at: int) -> None:
    assert decode(STREAM[:at], STREAM[at:]) == EVENTS


def test_a_stream_byte_by_byte() -> None:
    assert decode(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_cut_many_times(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(STREAM)]
    assert decode(*(STREAM[a:b] for a, b in zip(ends, ends[1:], strict=False))) == EVENTS


def test_an_event_leaves_with_the_byte_that_completes_it() -> None:
    for end in (b"\n\n", b"\r\r", b"\r\n\r\n"):
        decoder = Decoder()
        raw = b"data: a" + end
        # With CRLF the second CR already makes the line empty; the LF after it must not make another.
        completing = 2 if end == b"\r\n\r\n" else 1
        early = raw[:-completing]
        assert decoder.feed(early) == []
        assert decoder.feed(raw[len(early) : len(early) + 1]) == [Event(b"message", b"a")]
        assert decoder.feed(raw[len(early) + 1 :]) == []


def test_only_the_first_bytes_can_be_a_byte_order_mark() -> None:
    assert decode(b"\xef\xbb", b"\xbfdata: a\n\n") == [Event(b"message", b"a")]
    assert decode(b"data: \xef\xbb\xbfa\n\n") == [Event(b"message", b"\xef\xbb\xbfa")]
    assert decode(b"\xefdata: a\n\ndata: b\n\n") == [Event(b"message", b"b")]


def test_an_event_may_be_as_large_as_the_limit_and_no_larger() -> None:
    decoder = Decoder(limit=10)
    assert decoder.feed(b"data: 123") == []
    assert decoder.feed(b"4\n\ndata: 1234") == [Event(b"message", b"1234")]
    assert decoder.feed(b"\n\n") == [Event(b"message", b"1234")]


def test_the_events_before_a_giant_are_delivered_first() -> None:
    decoder = Decoder(limit=10)
    assert decoder.feed(b"data: a\n\ndata: 1234567") == [Event(b"message", b"a")]
    with pytest.raises(EventTooLarge):
        decoder.feed(b"8")


def test_an_empty_read_changes_nothing() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\n\n") == [Event(b"message", b"a")]


@given(st.binary())
def test_any_bytes_are_events_or_nothing(raw: bytes) -> None:
    for event in decode(raw):
        assert b"\r" not in event.data


@given(st.lists(st.binary().filter(lambda data: not {0x0A, 0x0D} & set(data)), min_size=1))
def test_what_is_encoded_comes_back(datas: list[bytes]) -> None:
    assert decode(b"".join(map(encode, datas))) == [Event(b"message", data) for data in datas]


def test_the_bytes_are_elasticsearchs() -> None:
    assert encode(b"[DONE]") == b"event: message\ndata: [DONE]\n\n"
    assert encode(b"{}", b"error") == b"event: error\ndata: {}\n\n"


def test_what_is_not_whole_waits_for_the_rest() -> None:
    decoder = Decoder()
    pieces = (b"\xef", b"\xbb\xbf", b"data: a\n", b"\nda", b"ta: b\n\n", b": c\n\n")
    assert [*map(decoder.whole, pieces)] == [b"", b"", b"", b"data: a\n\n", b"data: b\n\n", b": c\n\n"]


SOME = [b"data: {1}\n\n", b"data: {1}\r\n\r\n", b": ping\n\n"]


@given(st.lists(st.sampled_from(SOME), max_size=5), st.integers(1, 9))
def test_whole_events_are_the_same_as_events(raw: list[bytes], size: int) -> None:
    stream, decoder, found = b"".join(raw), Decoder(), b""
    for at in range(0, len(stream), size):
        lines = decoder.whole(stream[at : at + size])
        assert b"\r" not in lines and (not lines or lines.endswith(b"\n\n"))
        found += lines
    assert events(found) == decode(stream)


@pytest.mark.parametrize(
    "lines, found",
    [
        (b"data: {}\n\n", [{}]),
        (b'data: {"a":1}\n\ndata: {}\n\ndata: {"b":"data: x"}\n\n', [{"a": 1}, {}, {"b": "data: x"}]),
        (b'data: {\t"a":1}\n\ndata: { }\n\n', [{"a": 1}, {}]),
        (b"", None),
        (b": ping\n\n", None),
        (b"data: [DONE]\n\n", None),
        (b"data: {}\n\ndata: [DONE]\n\n", None),
        (b"data: {}\n\n: ping\n\ndata: {}\n\n", None),
        (b"data: {}\n\nevent: error\ndata: {}\n\n", None),
        (b"data: {}\n\n\ndata: {}\n\n", None),
        (b"data: {}\n\n{}\n\n", None),
        (b"data: {}\n{}\n\n", None),
        (b"data: {\ndata: }\n\n", None),
        (b"data:{}\n\n", None),
        (b"data: {} \n\n", None),
        (b"data: {nonsense}\n\n", None),
        (b'data: {"a":' + b"[" * 100_000 + b"}\n\n", None),
        (b"data: {}{}\n\n", None),
        (b"data: {} {}\n\ndata: {}\n\n", None),
    ],
)
def test_events_that_are_objects_and_nothing_else_are_read_at_once(
    lines: bytes, found: list[dict[str, object]] | None
) -> None:
    assert values(lines, msgspec.json.Decoder(dict[str, object])) == found


@pytest.mark.parametrize("joint", [b'"a":"x}\n\ndata: {y"', b'"a}\n\ndata: {b":1', b'"a":[{}\n\ndata: {}]'])
def test_one_value_never_makes_up_for_another(joint: bytes) -> None:
    """Neither half of the first two events is a value, and the last one holds two."""
    assert values(b"data: {" + joint + b"}\n\ndata: {}{}\n\n", msgspec.json.Decoder()) is None


PIECES = [b"data: ", b"{}", b'{"a":', b"1}", b"[", b"]", b",", b'"', b"\n", b"\n\n", b"}\n\ndata: {", b" ", b"1", b"\t"]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_what_is_read_at_once_is_what_each_event_holds(pieces: list[bytes]) -> None:
    raw = b"data: {" + b"".join(pieces) + b"}\n\n"
    found = values(raw, msgspec.json.Decoder())
    if found is not None:
        assert found == [msgspec.json.decode(event.data) for event in events(raw)]


OBJECTS = msgspec.json.Decoder(dict[str, object])


@pytest.mark.parametrize(
    ("before", "data", "found"),
    [
        (b": ping\n\n", b'data: {"a":1}\n\n', {"a": 1}),
        (b": ping\r\n\r\n", b"data: { }\n\n", {}),
        (b"", b"data: {}\n\n", None),
        (b"\xef", b"data: {}\n\n", None),
        (b"data: [\n", b"data: {}\n\n", None),
        (b"data: [\r", b"data: {}\n\n", None),
        (b"data: [\n\r", b"data: {}\n\n", None),
        (b": ping\n\n", b"data:{}\n\n", None),
        (b": ping\n\n", b"data: {} \n\n", None),
        (b": ping\n\n", b"data: {}\n", None),
        (b": ping\n\n", b"data: {}\r\n\r\n", None),
        (b": ping\n\n", b"data: {\r}\n\n", None),
        (b": ping\n\n", b"data: {\ndata: }\n\n", None),
        (b": ping\n\n", b"data: {}\n\ndata: {}\n\n", None),
        (b": ping\n\n", b"data: {}{}\n\n", None),
        (b": ping\n\n", b'data: {"a":' + b"[" * 100_000 + b"}\n\n", None),
    ],
)
def test_an_event_that_is_an_object_and_nothing_else_is_read_at_once(
    before: bytes, data: bytes, found: dict[str, object] | None
) -> None:
    decoder = Decoder()
    decoder.whole(before)
    assert decoder.value(data, OBJECTS) == found


READS = [b"data: {}\n\n", b'data: {"a":1}\n\n', b"data: {\r}\n\n", b"\r", b"\n", b"data: {", b"}\n\n", b": ping\n\n"]


@given(st.lists(st.sampled_from(READS), max_size=12))
def test_an_event_that_is_read_at_once_is_the_one_there_is(reads: list[bytes]) -> None:
    quick, thorough = Decoder(), Decoder()
    for data in [b"\n\n", *reads]:
        found, there = quick.value(data, OBJECTS), thorough.feed(data)
        if found is None:
            assert quick.feed(data) == there
        else:
            assert [found] == [msgspec.json.decode(event.data) for event in there]


def test_each_line_becomes_an_event() -> None:
    assert encode_each(b"{}\n") == encode(b"{}")
    assert encode_each(b'{"a":1}\n{}\n[]\n') == encode(b'{"a":1}') + encode(b"{}") + encode(b"[]")
