"""Looking names up: shared by all who wait for the same one, and never in the way of another."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from inferd.upstream.client import words
from inferd.upstream.names import Names

LONG = 20.0  # longer than anything takes


class Server:
    """In place of the system's resolver: names are answered when they are ``told``, and counted when asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.threads: set[str] = set()
        self._told: dict[str, threading.Event] = {}

    def told(self, host: str) -> threading.Event:
        """Set it, and whoever asks for ``host`` has an answer."""
        return self._told.setdefault(host, threading.Event())

    def getaddrinfo(self, host: str, *more: Any, **options: Any) -> object:
        """As in the module ``socket``."""
        self.asked[host] += 1
        self.threads.add(threading.current_thread().name)
        self.told(host).wait(LONG)
        if "bad" in host:
            raise socket.gaierror(-2, "Name or service not known")
        found = ["10.0.0.1", "10.0.0.2", "10.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in found]

    async def is_asked(self, hosts: int) -> None:
        """Returns once so many names have been asked for."""
        async with asyncio.timeout(LONG):
            while len(self.asked) < hosts:
                await asyncio.sleep(0.001)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    yield server
    for host in list(server.asked):
        server.told(host).set()


async def asking(names: Names, host: str, count: int = 1) -> list[asyncio.Task[list[str]]]:
    """So many who have begun to wait for ``host``."""
    tasks = [asyncio.create_task(names.addresses(host)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_all_who_wait_for_a_name_share_one_question(server: Server) -> None:
    names = Names()
    many = await asking(names, "a.test", 100)
    await server.is_asked(1)
    late = await asking(names, "a.test")
    server.told("a.test").set()
    assert await asyncio.gather(*many, *late) == [["10.0.0.1", "10.0.0.2"]] * 101
    assert server.asked == {"a.test": 1} and server.threads == {"inferd-names"}


async def test_the_next_who_comes_asks_anew(server: Server) -> None:
    names = Names()
    server.told("a.test").set()
    for _ in range(2):
        await names.addresses("a.test")
    assert server.asked == {"a.test": 2}


async def test_everyone_is_told_that_there_is_no_such_name(server: Server) -> None:
    names = Names()
    many = await asking(names, "bad.test", 3)
    server.told("bad.test").set()
    for outcome in await asyncio.gather(*many, return_exceptions=True):
        assert isinstance(outcome, socket.gaierror)
    assert server.asked == {"bad.test": 1}


async def test_where_no_thread_can_be_started_the_next_attempt_may_have_one(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    names = Names(1)
    server.told("a.test").set()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(BlockingIOError) as failed:
            await names.addresses("a.test")
    assert words(failed.value) == "Resource temporarily unavailable"
    assert await names.addresses("a.test") == ["10.0.0.1", "10.0.0.2"]


async def test_a_name_that_cannot_be_one() -> None:
    with pytest.raises(UnicodeError):
        await Names().addresses("a" * 70 + ".test")


@pytest.mark.parametrize("host", ["a.test", "bad.test"])
async def test_one_who_gives_up_takes_nothing_from_the_others(server: Server, host: str) -> None:
    names = Names()
    first, second, third = await asking(names, host, 3)
    first.cancel()
    third.cancel()
    await asyncio.wait([first, third])
    assert first.cancelled() and third.cancelled()
    server.told(host).set()
    await asyncio.wait([second])
    assert (second.exception() is not None) is ("bad" in host)
    assert server.asked == {host: 1}


async def test_a_name_that_everyone_has_given_up_is_one_thread_until_it_is_answered(server: Server) -> None:
    names = Names()
    for _ in range(20):
        (task,) = await asking(names, "bad.test")
        await server.is_asked(1)
        task.cancel()
        await asyncio.wait([task])
    assert server.asked == {"bad.test": 1}
    (last,) = await asking(names, "bad.test")
    server.told("bad.test").set()
    with pytest.raises(socket.gaierror):
        await last


async def test_a_name_whose_server_says_nothing_holds_up_no_other(server: Server) -> None:
    names = Names()
    silent = [await asking(names, f"{number}.test") for number in range(20)]
    server.told("a.test").set()
    assert await names.addresses("a.test") == ["10.0.0.1", "10.0.0.2"]
    assert not any(task.done() for (task,) in silent)
    names.close()


async def test_no_more_threads_than_allowed_and_the_next_name_when_one_ends(server: Server) -> None:
    names = Names(most=2)
    (first,), (second,), (third,) = [await asking(names, f"{number}.test") for number in range(3)]
    await server.is_asked(2)
    await asyncio.sleep(0)
    assert set(server.asked) == {"0.test", "1.test"}
    server.told("2.test").set()
    server.told("1.test").set()
    assert await third == await second
    assert not first.done()
    names.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_is_its_own_and_nobody_is_asked(server: Server, address: str) -> None:
    assert await Names().addresses(address) == [address]
    assert not server.asked


async def test_closing_waits_for_nobody(server: Server) -> None:
    names = Names()
    (task,) = await asking(names, "a.test")
    await server.is_asked(1)
    names.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    (thread,) = [each for each in threading.enumerate() if each.name == "inferd-names"]
    assert thread.daemon
    server.told("a.test").set()
    await asyncio.to_thread(thread.join)


def test_an_answer_may_come_when_the_loop_has_ended(server: Server) -> None:
    async def leave() -> None:
        names = Names()
        await asking(names, "a.test")
        await server.is_asked(1)
        names.close()

    asyncio.run(leave())
    (thread,) = [each for each in threading.enumerate() if each.name == "inferd-names"]
    server.told("a.test").set()
    thread.join(LONG)
    assert not thread.is_alive()
