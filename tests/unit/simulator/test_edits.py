"""What faults do to events, bodies and vectors that were right."""

import pytest

from inferd.simulator import edits

FIRST = b'data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
WORDS = [b'data: {"choices":[{"delta":{"content":"%d"},"finish_reason":null}]}\n\n' % number for number in range(5)]
LAST = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
STREAM = [FIRST, *WORDS, LAST, edits.DONE]
DATA = [{"index": 0, "embedding": "a"}, {"index": 1, "embedding": "b"}]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (edits.unchanged, STREAM),
        (edits.without_done, STREAM[:-1]),
        (edits.without_finish, [*STREAM[:-2], edits.DONE]),
        (edits.truncated, STREAM[:4]),
        (edits.nothing, []),
        (edits.with_garbage, [*STREAM[:4], b'data: {"id":"chatcmpl-<<< garbage >>>\n\n', *STREAM[4:]]),
        (edits.with_null_content, [FIRST, FIRST.replace(b'""', b"null"), *STREAM[1:]]),
        (edits.with_byte_order_mark, [b"\xef\xbb\xbf", *STREAM]),
    ],
)
def test_events(edit: edits.EditEvents, expected: list[bytes]) -> None:
    assert list(edit(iter(STREAM))) == expected


def test_an_error_takes_the_place_of_the_rest() -> None:
    *before, error = edits.with_error(iter(STREAM))
    assert before == STREAM[:4]
    assert error.startswith(b'data: {"error":{"message":') and error.endswith(b"}}\n\n")


def test_comments_are_no_data() -> None:
    edited = b"".join(edits.with_comments(STREAM))
    assert edited.count(b": keep-alive\n\n") == len(STREAM)
    assert edited.replace(b": keep-alive\n\n", b"") == b"".join(STREAM)


def test_lines_may_end_in_crlf() -> None:
    edited = b"".join(edits.with_crlf(STREAM))
    assert edited.count(b"\r\n\r\n") == len(STREAM)
    assert edited.replace(b"\r\n", b"\n") == b"".join(STREAM)


def test_bodies() -> None:
    assert (edits.unchanged(b"{}"), edits.not_json(b"{}"), edits.empty(b"{}")) == (b"{}", b"<<< garbage >>>", b"")


def test_vectors() -> None:
    assert edits.one_too_few(DATA) == DATA[:1]
    assert edits.reversed_order(DATA) == [DATA[1], DATA[0]]
    assert edits.without_index(DATA) == [{"embedding": "a"}, {"embedding": "b"}]
