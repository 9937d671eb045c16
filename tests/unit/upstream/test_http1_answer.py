"""What has come of an answer: whether anything did, much of it taken in turns, and all let go of at the end."""

import weakref

import pytest

from inferd.upstream.http1 import MAX_TAKEN, Answer, AnswerParser
from tests.unit.upstream.wire import CHUNKED, OK


@pytest.mark.parametrize(
    ("size", "taken"),
    [
        (0, []),
        (2, [2]),
        (MAX_TAKEN, [MAX_TAKEN]),
        (MAX_TAKEN + 1, [MAX_TAKEN, 1]),
        (3 * MAX_TAKEN + 1, [MAX_TAKEN, MAX_TAKEN, MAX_TAKEN, 1]),
    ],
)
def test_much_is_taken_piece_by_piece(size: int, taken: list[int]) -> None:
    answer = Answer()
    answer.body = whole = (bytes(range(251)) * (size // 251 + 1))[:size]
    pieces = []
    while answer.body:
        pieces.append(answer.take())
    assert [len(piece) for piece in pieces] == taken
    assert (b"".join(pieces), answer.take()) == (whole, b"")


@pytest.mark.parametrize("pieces", [[b"H"], [OK, b"X: 1\r\n"], [CHUNKED], [CHUNKED, b"2\r\nok\r\n"]])
def test_an_answer_has_begun_with_its_first_byte(pieces: list[bytes]) -> None:
    parser = AnswerParser()
    for _ in range(2):
        parser.expect(Answer())
        assert not parser.begun
    for piece in pieces:
        parser.feed(piece)
        assert parser.begun


def test_a_parser_that_is_closed_does_not_wait_for_the_collector() -> None:
    parser = AnswerParser()
    parser.expect(Answer())
    parser.feed(b"HTTP/1.1 200 OK\r\n")
    parser.close()
    left = weakref.ref(parser)
    del parser
    assert left() is None
