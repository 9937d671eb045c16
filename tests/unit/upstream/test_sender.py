"""Sending errands: places, attempts and pauses, in virtual time."""

import pytest

from inferd.errors import Failure, StatusFailure
from inferd.upstream.client import Broken, HostUnknown, Refused, Trouble, Unreachable, Untrusted
from inferd.upstream.sender import MAX_REFUSAL
from tests.unit.upstream.pretended import LONG, Answer, Client, Sending, answered, both, errand, sender, state
from tests.unit.virtual_time import run


@both
@pytest.mark.parametrize("status", [200, 201, 299])
def test_an_accepted_answer_is_handed_over_and_closed(send: Sending, status: int) -> None:
    async def scenario() -> None:
        client, what = Client([0.25, Answer(status, b"one", 1.0, b"two")]), errand()
        sending = sender(client)
        assert await send(sending, what) == b"onetwo"
        assert (client.closed, what.limit.given, state(sending)) == ([1], 1, "ok")
        assert (what.call.trace.attempts, what.call.trace.upstream_status) == (1, status)
        assert client.sent == [what.request]

    run(scenario())


@both
def test_how_a_trial_fails_says_nothing_of_the_endpoint(send: Sending) -> None:
    async def scenario() -> None:
        sending = sender(Client(Answer(401, b"no")))
        with pytest.raises(StatusFailure, match="no"):
            await send(sending, errand(attempts=1, trial=True))
        assert sending.standings.get("e") is None

    run(scenario())


@both
@pytest.mark.parametrize("again", [Unreachable("no"), Answer(429, b"no"), Answer(503, b"no")])
def test_what_may_succeed_later_is_sent_three_times_each_time_taking_a_place(
    send: Sending, again: Trouble | Answer
) -> None:
    async def scenario() -> None:
        client, what = Client(again, again, again), errand()
        sending = sender(client)
        with pytest.raises(StatusFailure, match="no"):
            await send(sending, what)
        first, second, third = client.times
        assert 0.5 <= second - first <= 1.01
        assert 1.0 <= third - second <= 2.01
        assert (what.limit.given, what.call.trace.attempts, state(sending)) == (3, 3, "failing")
        assert client.closed == ([1, 1, 1] if isinstance(again, Answer) else [])

    run(scenario())


@both
def test_the_answer_of_a_later_attempt_counts(send: Sending) -> None:
    async def scenario() -> None:
        client = Client(Unreachable("no"), Answer(500, b"no"), Answer(200, b"yes"))
        sending = sender(client)
        assert await send(sending, errand()) == b"yes"
        assert state(sending) == "ok"

    run(scenario())


@both
@pytest.mark.parametrize(
    "final", [Broken("no"), Refused("no"), Untrusted("no"), HostUnknown(), Answer(400, b"no"), Answer(302, b"no")]
)
def test_what_cannot_succeed_later_is_sent_once(send: Sending, final: Trouble | Answer) -> None:
    async def scenario() -> None:
        client = Client(final)
        sending = sender(client)
        with pytest.raises(StatusFailure):
            await send(sending, errand())
        assert (len(client.sent), state(sending)) == (1, "failing")

    run(scenario())


@both
def test_an_errand_says_how_often_it_may_be_sent(send: Sending) -> None:
    async def scenario() -> None:
        client = Client(Unreachable("no"))
        with pytest.raises(StatusFailure):
            await send(sender(client), errand(attempts=1))

    run(scenario())


@both
def test_an_upstream_that_says_when_to_come_back_is_obeyed(send: Sending) -> None:
    async def scenario() -> None:
        client = Client(Answer(429, b"no", headers={"Retry-After": "7"}), Answer(200, b"yes"))
        assert await send(sender(client), errand()) == b"yes"
        assert client.times[1] - client.times[0] == pytest.approx(7.0, abs=0.01)

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(200, b"x" * 600, b"x" * 600, LONG), r"Cause: Maximum limit of \[1000\] bytes reached"),
        (Answer(200, b"x", Broken("the answer broke off")), "Cause: the answer broke off"),
    ],
)
def test_a_body_that_cannot_be_had_is_told(answer: Answer, told: str) -> None:
    async def scenario() -> None:
        client = Client(answer)
        sending = sender(client)
        with pytest.raises(StatusFailure, match=told) as failure:
            await answered(sending, errand())
        assert (failure.value.status, client.closed, state(sending)) == (502, [1], "failing")

    run(scenario())


@both
@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, identity"])
def test_an_answer_in_a_coding_that_nobody_accepted_is_refused(send: Sending, coding: str) -> None:
    async def scenario() -> None:
        client = Client(Answer(200, b"\x1f\x8b", headers={"Content-Encoding": coding}))
        with pytest.raises(StatusFailure, match="the answer is encoded") as failure:
            await send(sender(client), errand())
        assert (failure.value.status, client.closed) == (502, [1])

    run(scenario())


@both
@pytest.mark.parametrize("coding", ["identity", ""])
def test_an_answer_that_only_says_it_is_not_encoded_is_accepted(send: Sending, coding: str) -> None:
    async def scenario() -> None:
        assert await send(sender(Client(Answer(200, b"x", headers={"Content-Encoding": coding}))), errand()) == b"x"

    run(scenario())


def test_of_a_long_refusal_only_the_beginning_is_read() -> None:
    async def scenario() -> None:
        refused = Answer(400, *[b"x" * 1024] * 1000)
        with pytest.raises(Failure) as failure:
            await answered(sender(Client(refused)), errand())
        assert len(failure.value.reason) == MAX_REFUSAL

    run(scenario())
