"""What has come of an answer: taken in turns when it is much."""

import pytest

from inferd.upstream.http1 import MAX_TAKEN, Answer


@pytest.mark.parametrize(
    ("parts", "taken"),
    [
        ([1, 1], [2]),
        ([MAX_TAKEN], [MAX_TAKEN]),
        ([MAX_TAKEN + 1], [MAX_TAKEN, 1]),
        ([3 * MAX_TAKEN, 1], [MAX_TAKEN, MAX_TAKEN, MAX_TAKEN, 1]),
        ([MAX_TAKEN - 1, 2, 3], [MAX_TAKEN - 1, 5]),
        ([1, MAX_TAKEN, 1], [1, MAX_TAKEN, 1]),
        ([1, MAX_TAKEN + 1], [1, MAX_TAKEN, 1]),
        ([MAX_TAKEN // 2] * 5, [MAX_TAKEN, MAX_TAKEN, MAX_TAKEN // 2]),
    ],
)
def test_much_is_taken_piece_by_piece(parts: list[int], taken: list[int]) -> None:
    answer = Answer()
    answer.parts = [bytes([number]) * size for number, size in enumerate(parts)]
    answer.size, whole = sum(parts), b"".join(answer.parts)
    pieces = []
    while answer.parts:
        pieces.append(answer.take())
    assert [len(piece) for piece in pieces] == taken
    assert (b"".join(pieces), answer.size, answer.take()) == (whole, 0, b"")
