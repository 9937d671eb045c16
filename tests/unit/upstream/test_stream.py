"""Reading a body as it comes: every silence has an end, and only chunks are no silence."""

import pytest

from inferd.errors import Failure, RequestTimedOut, StatusFailure
from inferd.standing import Standings
from inferd.upstream.client import Broken
from inferd.upstream.stream import Stream
from tests.unit.upstream.pretended import Answer, Piece, errand, now
from tests.unit.virtual_time import run

COMMENT = b": still there\n\n"


def stream(*pieces: Piece, within: float = 30.0, idle: float = 10.0) -> tuple[Stream, Standings]:
    standings = Standings()
    return Stream(Answer(200, *pieces), errand(within=within), standings, idle), standings


def test_what_comes_is_handed_over_and_then_nothing() -> None:
    async def scenario() -> list[bytes]:
        reading, standings = stream(b"a", 1.0, b"b")
        read = [await reading.read() for _ in range(3)]
        assert standings.get("e") is None
        return read

    assert run(scenario()) == [b"a", b"b", b""]


def test_when_nothing_has_come_by_the_deadline_the_request_has_timed_out() -> None:
    async def scenario() -> None:
        began = now()
        reading, standings = stream(31.0, b"late")
        with pytest.raises(RequestTimedOut, match=r"after \[30s\] for inference id \[e\]"):
            await reading.read()
        assert 30.0 <= now() - began < 30.1
        standing = standings.get("e")
        assert standing is not None and standing.status == 429

    run(scenario())


def test_the_first_bytes_end_the_wait_for_the_deadline() -> None:
    async def scenario() -> None:
        reading, _ = stream(29.0, COMMENT, 9.0, b"chunk")
        assert [await reading.read(), await reading.read()] == [COMMENT, b"chunk"]

    run(scenario())


def test_a_silence_between_two_chunks_has_an_end() -> None:
    async def scenario() -> None:
        reading, standings = stream(b"chunk", 9.9, b"chunk", 10.1, b"late")
        for _ in range(2):
            await reading.read()
            reading.heard()
        began = now()
        with pytest.raises(StatusFailure, match="the upstream was silent for 10 seconds") as failure:
            await reading.read()
        assert failure.value.status == 504
        assert 10.0 <= now() - began < 10.1
        standing = standings.get("e")
        assert standing is not None and standing.status == 504

    run(scenario())


def test_bytes_that_never_come_to_a_chunk_are_silence() -> None:
    async def scenario() -> None:
        comments: list[Piece] = [COMMENT, 1.0]
        reading, _ = stream(*comments * 100)
        assert await reading.read() == COMMENT
        began = now()
        with pytest.raises(StatusFailure) as failure:
            while await reading.read():
                pass
        assert failure.value.status == 504
        assert 10.0 <= now() - began < 10.1

    run(scenario())


def test_time_that_is_not_spent_reading_is_no_silence() -> None:
    async def scenario() -> None:
        reading, _ = stream(b"one", b"two", 9.0, b"three")
        await reading.read()
        reading.heard()
        for _ in range(2):
            # The client that all this is for takes its time.
            await _later(1000.0)
            await reading.read()
            reading.heard()

    run(scenario())


def test_a_body_that_breaks_off_is_told() -> None:
    async def scenario() -> None:
        reading, standings = stream(b"chunk", Broken("the answer broke off"))
        await reading.read()
        with pytest.raises(StatusFailure, match="Cause: the answer broke off") as failure:
            await reading.read()
        assert failure.value.status == 502
        assert standings.get("e") is not None

    run(scenario())


def test_how_a_trial_breaks_off_says_nothing_of_the_endpoint() -> None:
    async def scenario() -> None:
        standings = Standings()
        reading = Stream(Answer(200, Broken("the answer broke off")), errand(trial=True), standings, 10.0)
        with pytest.raises(StatusFailure, match="broke off"):
            await reading.read()
        assert standings.get("e") is None

    run(scenario())


def test_what_is_pushed_is_the_same_up_to_where_it_is_stopped() -> None:
    async def scenario() -> None:
        reading, _ = stream(b"one", 1.0, b"two", b"three", 1.0, b"four")
        taken: list[bytes] = []

        def take(data: bytes) -> bool | None:
            taken.append(data)
            return None if data == b"two" else True

        assert not await reading.push(take)
        assert taken == [b"one", b"two"]
        assert await reading.read() == b"three"
        assert await reading.push(take)
        assert taken == [b"one", b"two", b"four"]

    run(scenario())


@pytest.mark.parametrize(
    ("pieces", "told", "after"),
    [
        ([31.0], r"timed out after \[30s\]", 30.0),
        ([29.0, b"chunk", 9.9, b"chunk", 10.1], "the upstream was silent for 10 seconds", 48.9),
        ([29.0, COMMENT, 10.5], "the upstream was silent for 10 seconds", 39.0),
        ([b"chunk", 1.0, COMMENT, 9.5], "the upstream was silent for 10 seconds", 10.0),
        ([1.0, b"chunk", Broken("the answer broke off")], "Cause: the answer broke off", 1.0),
    ],
)
def test_what_ends_reading_ends_pushing(pieces: list[Piece], told: str, after: float) -> None:
    async def scenario() -> None:
        reading, standings = stream(*pieces)
        began = now()

        with pytest.raises(Failure, match=told):
            await reading.push(b"chunk".__eq__)
        assert now() - began == pytest.approx(after, abs=0.01)
        assert standings.get("e") is not None

    run(scenario())


def test_time_in_which_no_more_is_taken_is_no_silence() -> None:
    async def scenario() -> None:
        reading, _ = stream(b"one", 9.0, b"two", 9.0, b"three")
        for _ in range(3):
            assert not await reading.push(lambda _: None)
            await _later(1000.0)
        assert await reading.push(lambda _: None)

    run(scenario())


async def _later(seconds: float) -> None:
    await Answer(200, seconds).read()
