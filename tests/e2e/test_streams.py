"""Many streams, long streams and large chunks through a real daemon, and nothing left of them afterwards."""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

from aiohttp import ClientSession

from inferd.sse import Decoder, Event
from tests.e2e.daemon_process import PATIENCE, Daemon, make_endpoint

UNIFIED = "/_inference/chat_completion/chat/_unified"

# What the daemon may keep open without work: some files and sockets of its own, and the idle connections to its
# upstream, both of whose ends are in this process because the simulator is.
IDLE_DESCRIPTORS = 60 + 2 * 512


async def chat(client: ClientSession, daemon: Daemon, question: str, **request: Any) -> list[Event]:
    """Every event of one chat."""
    decoder, events = Decoder(), []
    body = {"messages": [{"role": "user", "content": question}], **request}
    async with client.post(daemon.url + UNIFIED, json=body) as answer:
        assert answer.status == 200, await answer.text()
        async for data in answer.content.iter_any():
            events += decoder.feed(data)
    return events


def texts(events: list[Event]) -> list[str]:
    """The pieces of text in the chunks before ``[DONE]``."""
    assert events[-1] == Event(b"message", b"[DONE]")
    chunks = [json.loads(event.data) for event in events[:-1]]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return [delta["content"] for delta in deltas if "content" in delta]


async def until(condition: Callable[[], bool]) -> None:
    """Returns once ``condition`` holds; TimeoutError if it never does."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


def descriptors(daemon: Daemon) -> int:
    """How many the process has open."""
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


async def test_a_thousand_chats_at_once_are_all_whole_and_leave_nothing(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id="sim-words-50")
    answers = await asyncio.gather(*(chat(client, daemon, f"question {number}") for number in range(1000)))
    pieces = [texts(events) for events in answers]
    assert {len(words) for words in pieces} == {51}
    alone = [texts(await chat(client, daemon, f"question {number}")) for number in (0, 500, 999)]
    assert [pieces[0], pieces[500], pieces[999]] == alone
    await client.close()
    await until(lambda: descriptors(daemon) < IDLE_DESCRIPTORS)


async def test_a_hundred_thousand_chunks_come_in_order(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id="gpt-4o")
    long = texts(await chat(client, daemon, "count", model="sim-words-100000"))
    short = texts(await chat(client, daemon, "count", model="sim-words-1000"))
    assert len(long) == 100_001
    assert long[:1000] == short[:1000]


async def test_a_chunk_of_a_mebibyte_comes_whole(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id="gpt-4o")
    pieces = texts(await chat(client, daemon, "fill", model=f"sim-bytes-{2**20}"))
    assert sorted(map(len, pieces)) == [0, 2**20]


async def test_characters_and_line_ends_split_between_reads_come_whole(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id="gpt-4o")
    question = "Größe 漢字 \U0001f600?"
    whole = texts(await chat(client, daemon, question))
    assert texts(await chat(client, daemon, question, model="gpt-4o+sim-drip+sim-crlf")) == whole
    assert any("\U0001f600" in piece for piece in whole)


async def test_an_upstream_that_dies_within_a_chunk_is_an_error_event(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id="gpt-4o")
    events = await chat(client, daemon, "one two three four five", model="sim-cut")
    assert [event.name for event in events] == [b"message"] * (len(events) - 1) + [b"error"]
    assert len(events) > 1
    error = json.loads(events[-1].data)["error"]
    assert error["code"] in ("bad_gateway", "stream_error")


async def test_clients_that_leave_end_their_upstream_requests(daemon: Daemon, client: ClientSession) -> None:
    await make_endpoint(client, daemon.url, model_id="gpt-4o+sim-words-500+sim-pace-20")

    async def leave(number: int) -> None:
        body = {"messages": [{"role": "user", "content": f"question {number}"}]}
        async with client.post(daemon.url + UNIFIED, json=body) as answer:
            await answer.content.readany()

    await asyncio.gather(*(leave(number) for number in range(100)))
    async with client.get(daemon.url + "/_health") as answer:
        assert (await answer.json())["open_streams"] <= 100
    await client.close()
    # A connection that was cut cannot be used again: nothing at all may be left of these.
    await until(lambda: len([line for line in daemon.said("request") if line["status"] == 499]) == 100)
    await until(lambda: descriptors(daemon) < 60)
