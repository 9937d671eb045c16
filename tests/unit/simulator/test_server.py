"""The simulator as a whole: started, asked in every way, closed."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

import inferd.simulator
from inferd.simulator.faults import FAULTS
from inferd.simulator.server import Simulator, serve
from tests.unit.simulator.raw import ask, chat, connect, events, request, talk, text

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
Runner = Callable[[Coroutine[Any, Any, None]], None]


async def test_it_tells_where_it_listens_and_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    simulator = Simulator()
    with pytest.raises(RuntimeError, match="not listening"):
        simulator.base_url
    async with simulator:
        assert simulator.base_url.startswith("http://127.0.0.1:") and simulator.base_url.endswith("/v1")
        assert simulator.token_url == simulator.base_url.replace("/v1", "/oauth/token")
        assert simulator.base_url[:-3] in repr(simulator)
        with pytest.raises(RuntimeError, match="already"):
            await simulator.start()
    assert "not listening" in repr(simulator)
    assert "simulator (no model answers here) listens on http://127.0.0.1:" in caplog.text
    assert inferd.simulator.Simulator is Simulator


async def test_it_listens_on_ipv6_too() -> None:
    simulator = Simulator()
    await simulator.start("::1")
    assert simulator.base_url.startswith("http://[::1]:")
    assert (await ask(simulator, "/healthz")).status == 200
    await simulator.close()


async def test_it_may_be_closed_twice_and_started_again() -> None:
    simulator = Simulator()
    for _ in range(2):
        await simulator.close()
        await simulator.start()
        assert (await ask(simulator, "/v1/models")).status == 200
        await simulator.close()
    assert simulator.requests == 2


async def test_a_taken_address_is_an_error() -> None:
    async with Simulator() as simulator:
        port = int(simulator.base_url.split(":")[2][:-3])
        with pytest.raises(OSError):
            await Simulator().start(port=port)


async def closing() -> None:
    simulator = Simulator(pace=60.0)
    await simulator.start()
    clients = [await connect(simulator) for _ in range(8)]
    models = ["sim-words-50", "sim-stall", "sim-stall-stream", "sim-delay-60000", "sim-words-1000000+sim-pace-0"]
    for (_, writer), model in zip(clients, models):
        writer.write(request(CHAT, chat(model, stream=True)))
    clients[6][1].write(b"GET / HT")
    clients[7][1].write(b"nonsense\r\n\r\n")
    await clients[7][0].readuntil(b"malformed")
    while simulator.open_streams < len(models) or simulator.open_connections < len(clients):
        await asyncio.sleep(0)
    async with asyncio.timeout(0.5):
        await simulator.close()
    assert (simulator.open_connections, simulator.open_streams, simulator.left_streams) == (0, 0, 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    for reader, writer in clients:
        try:
            assert not (await reader.read()).endswith(b"0\r\n\r\n")
        except ConnectionError:
            pass
        writer.close()


async def faults() -> None:
    async with Simulator() as simulator:
        for ending in ("", "-stream"):
            with pytest.raises(ConnectionResetError):
                await talk(simulator, request(CHAT, chat(f"sim-reset{ending}", stream=True)))
        assert await talk(simulator, request(CHAT, chat("sim-close"))) == b""
        cut = await ask(simulator, CHAT, chat("sim-cut", stream=True))
        assert not cut.whole and cut.body.endswith(b"data: {") and cut.body.count(b"\n\n") == 4
        assert not (await ask(simulator, EMBEDDINGS, {"model": "sim-cut", "input": "a"})).whole
        assert (await ask(simulator, CHAT, chat("sim-drip+sim-words-3", stream=True))).whole


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("scene", [closing, faults])
def test_on_both_loops(runner: Runner, scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    runner(scene())


async def test_a_client_that_comes_too_late_is_sent_away() -> None:
    server = await asyncio.start_server(Simulator()._accept, "127.0.0.1")
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(1):
            assert await reader.read() == b""
        writer.close()


async def test_every_fault_leaves_a_server_that_works() -> None:
    unfinished = {name for name, fault in FAULTS.items() if fault.manner.ending.name != "CLOSE"}
    async with Simulator() as simulator:
        for name in FAULTS.keys() - unfinished - {"sim-slow", "sim-close"}:
            for body in (chat(name), chat(name, stream=True)):
                assert (await ask(simulator, CHAT, body)).status in range(200, 505)
            await ask(simulator, EMBEDDINGS, {"model": name, "input": ["a", "b"]})
        assert (await ask(simulator, CHAT, chat())).status == 200


async def test_a_rate_limit_that_strikes_once() -> None:
    async with Simulator() as simulator:
        assert [(await ask(simulator, CHAT, chat("sim-429-once"))).status for _ in range(3)] == [429, 200, 200]


async def test_many_streams_at_once_and_one_long_one() -> None:
    async with Simulator() as simulator:
        bodies = [chat("sim-words-50", stream=True, seed=number) for number in range(200)]
        replies = await asyncio.gather(*(ask(simulator, CHAT, body) for body in bodies))
        assert {len(text(events(reply)).split()) for reply in replies} == {50}
        long = await ask(simulator, CHAT, chat("sim-words-100000", stream=True))
        assert long.body.count(b'"content":"') == 100_001
        whole = await ask(simulator, CHAT, chat("sim-bytes-1048576", stream=True))
        assert len(text(events(whole))) == 1_048_576


async def test_serving_ends_when_told_or_cancelled() -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(serve("127.0.0.1", 0, 0.0, stop))
    await asyncio.sleep(0.01)
    assert not task.done()
    stop.set()
    await task
    task = asyncio.create_task(serve("127.0.0.1", 0))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
