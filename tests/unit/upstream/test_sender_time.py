"""Sending errands: everything ends in time, and who leaves leaves nothing behind; in virtual time."""

import asyncio

import pytest

from inferd.errors import EndpointNotFound, Failure, RequestTimedOut, StatusFailure
from inferd.ratelimit import RateLimit
from inferd.upstream.client import Broken, Unreachable
from tests.unit.upstream.pretended import LONG, Answer, Client, Sending, answered, both, errand, now, sender, state
from tests.unit.virtual_time import run


@both
@pytest.mark.parametrize(("wanted", "within"), [("30", 30.0), ("31", 30.0), ("", 0.5)])
def test_a_pause_that_does_not_fit_the_time_is_not_begun(send: Sending, wanted: str, within: float) -> None:
    async def scenario() -> None:
        client = Client(Answer(429, b"no", headers={"Retry-After": wanted}))
        began = now()
        with pytest.raises(StatusFailure) as failure:
            await send(sender(client), errand(within=within))
        assert (failure.value.status, failure.value.headers) == (429, {"Retry-After": wanted})
        assert now() - began < 0.01

    run(scenario())


@both
def test_the_time_in_the_queue_counts_and_tells_nothing_of_the_upstream(send: Sending) -> None:
    async def scenario() -> None:
        limit = RateLimit("e", 60, burst=1)
        await limit.acquire()
        client, what, began = Client(), errand(within=0.5, limit=limit), now()
        sending = sender(client)
        with pytest.raises(RequestTimedOut):
            await send(sending, what)
        assert now() - began == pytest.approx(0.5, abs=0.01)
        assert (client.sent, limit.waiting, state(sending)) == ([], 0, None)

    run(scenario())


@both
def test_a_retry_waits_its_turn_like_everybody_else(send: Sending) -> None:
    async def scenario() -> None:
        limit = RateLimit("e", 6, burst=1)
        client, what = Client(Unreachable("no"), Answer(200, b"yes")), errand(limit=limit)
        assert await send(sender(client), what) == b"yes"
        assert client.times[1] - client.times[0] == pytest.approx(10.0, abs=0.2)

    run(scenario())


@both
def test_a_full_queue_is_told_in_elasticsearch_s_frame(send: Sending) -> None:
    async def scenario() -> None:
        limit = RateLimit("e", 60, burst=1, queue_capacity=1)
        await limit.acquire()
        waiting = asyncio.create_task(limit.acquire())
        await asyncio.sleep(0)
        with pytest.raises(StatusFailure) as failure:
            await send(sender(Client()), errand(limit=limit))
        await waiting
        assert failure.value.status == 429
        assert failure.value.reason.startswith("Failed to send OpenAI embeddings request. Cause: Failed to execute")
        assert int(failure.value.headers["Retry-After"]) > 0

    run(scenario())


@both
def test_who_waits_for_a_deleted_endpoint_is_told_so(send: Sending) -> None:
    async def scenario() -> None:
        limit = RateLimit("e", 60, burst=1)
        await limit.acquire()
        waiting = asyncio.create_task(send(sender(Client()), errand(limit=limit)))
        await asyncio.sleep(0.1)
        limit.retire()
        with pytest.raises(EndpointNotFound):
            await waiting

    run(scenario())


@both
@pytest.mark.parametrize("stalling", [[LONG], [Answer(200, LONG)]])
def test_an_upstream_that_says_nothing_ends_at_the_deadline(send: Sending, stalling: list[Answer | float]) -> None:
    async def scenario() -> None:
        client, began = Client(stalling), now()
        sending = sender(client)
        with pytest.raises(RequestTimedOut):
            await send(sending, errand())
        assert now() - began == pytest.approx(30.0, abs=0.01)
        assert state(sending) == "failing"
        assert all(closed == 1 for closed in client.closed)

    run(scenario())


def test_a_body_that_drips_ends_at_the_deadline_too() -> None:
    async def scenario() -> None:
        drops = [piece for _ in range(100) for piece in (b"x", 1.0)]
        with pytest.raises(RequestTimedOut):
            await answered(sender(Client(Answer(200, *drops))), errand())

    run(scenario())


@both
@pytest.mark.parametrize(
    ("refused", "within", "takes"),
    [
        (Answer(400, b"be", b"cause", LONG), 30.0, 5.0),
        (Answer(400, b"because", LONG), 2.0, 2.0),
        (Answer(400, b"because", Broken("the answer broke off")), 30.0, 0.0),
    ],
)
def test_a_refusal_that_does_not_end_has_said_enough(
    send: Sending, refused: Answer, within: float, takes: float
) -> None:
    async def scenario() -> None:
        client, began = Client(refused), now()
        with pytest.raises(Failure) as failure:
            await send(sender(client), errand(within=within))
        assert (failure.value.status, failure.value.reason, client.closed) == (400, "because", [1])
        assert now() - began == pytest.approx(takes, abs=0.01)

    run(scenario())


@pytest.mark.parametrize(
    ("rest", "takes"), [((b"end", 0.2, b""), 0.2), ((0.1, Broken("broke off")), 0.1), ((LONG,), 0.5)]
)
def test_a_stream_that_was_read_to_its_last_event_has_a_moment_to_end_properly(
    rest: tuple[bytes | float | Exception, ...], takes: float
) -> None:
    async def scenario() -> None:
        client = Client(Answer(200, b"data: [DONE]", *rest))
        async with sender(client).stream(errand()) as stream:
            await stream.read()
            began = now()
        assert now() - began == pytest.approx(takes, abs=0.01)
        assert client.closed == [1]

    run(scenario())


@pytest.mark.parametrize("failure", [ConnectionResetError(), asyncio.CancelledError()])
def test_a_stream_that_is_left_is_closed_at_once(failure: BaseException) -> None:
    async def scenario() -> None:
        client, began = Client(Answer(200, b"x", LONG)), now()
        with pytest.raises(type(failure)):
            async with sender(client).stream(errand()):
                raise failure
        assert (client.closed, now() - began < 0.01) == ([1], True)

    run(scenario())


@both
@pytest.mark.parametrize("after", [0.01, 0.4, 3.0])
def test_who_leaves_between_attempts_or_while_an_answer_comes_leaves_nothing_behind(
    send: Sending, after: float
) -> None:
    async def scenario() -> None:
        client = Client([0.1, Unreachable("no")], [0.1, Answer(200, b"x", LONG)])
        task = asyncio.create_task(send(sender(client), errand()))
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert all(closed == 1 for closed in client.closed)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario())
