"""What becomes of connections between requests. Their other ends are sockets that the tests hold."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from inferd.upstream.connection import Connection
from inferd.upstream.http1 import Origin
from inferd.upstream.pool import Pool

HERE, THERE = Origin(False, "here", 80), Origin(True, "here", 80)
LONG = 3600.0

Connect = Callable[[Pool, Origin], Awaitable[tuple[Connection, socket.socket]]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes a connection of a pool's, and gives the upstream's end as well."""
    peers: list[socket.socket] = []
    listening = socket.create_server(("127.0.0.1", 0))

    async def connect(pool: Pool, origin: Origin) -> tuple[Connection, socket.socket]:
        near = socket.create_connection(listening.getsockname())
        peer, _ = listening.accept()
        near.setblocking(False)
        peer.setblocking(False)
        peers.append(peer)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(origin, pool, 65536), sock=near)
        return connection, peer

    yield connect
    for peer in [*peers, listening]:
        peer.close()


async def closed(peer: socket.socket) -> None:
    """Returns when the connection to ``peer`` has been closed."""
    assert await asyncio.get_running_loop().sock_recv(peer, 1) == b""


async def test_the_connection_that_was_used_last_is_taken_first(connect: Connect) -> None:
    pool = Pool()
    first, second = [(await connect(pool, HERE))[0] for _ in range(2)]
    assert repr(pool) == "<Pool: 2 in use, 0 idle>"
    pool.free(first)
    pool.free(second)
    assert (repr(pool), pool.leased, pool.available) == ("<Pool: 0 in use, 2 idle>", 0, 2)
    assert [pool.take(HERE), pool.take(HERE), pool.take(HERE)] == [second, first, None]
    assert (pool.leased, pool.available) == (2, 0)
    await pool.close()


async def test_a_connection_is_good_for_its_origin_only(connect: Connect) -> None:
    pool = Pool()
    connection, _ = await connect(pool, HERE)
    pool.free(connection)
    assert (pool.take(THERE), pool.take(HERE)) == (None, connection)
    await pool.close()


async def test_a_connection_that_is_closing_is_not_taken(connect: Connect) -> None:
    pool = Pool()
    old, _ = await connect(pool, HERE)
    new, _ = await connect(pool, HERE)
    pool.free(old)
    pool.free(new)
    new.abort()
    assert pool.take(HERE) is old
    pool.free(old)
    old.transport.abort()
    assert (pool.take(HERE), pool.leased, pool.available) == (None, 0, 0)
    await pool.close()


async def test_an_idle_connection_that_the_upstream_closes_is_no_more(connect: Connect) -> None:
    pool = Pool()
    stays, _ = await connect(pool, HERE)
    goes, peer = await connect(pool, HERE)
    pool.free(stays)
    pool.free(goes)
    peer.close()
    while pool.available > 1:
        await asyncio.sleep(0)
    assert pool.take(HERE) is stays
    await pool.close()


async def test_no_more_idle_connections_are_kept_than_are_of_use(connect: Connect) -> None:
    pool = Pool(max_idle=1)
    kept, _ = await connect(pool, HERE)
    other, _ = await connect(pool, THERE)
    surplus, peer = await connect(pool, HERE)
    for connection in (kept, other, surplus):
        pool.free(connection)
    await closed(peer)
    assert pool.available == 2
    await pool.close()


async def test_idle_connections_go_after_their_time(connect: Connect) -> None:
    pool = Pool(idle_time=0.02)
    connection, peer = await connect(pool, HERE)
    pool.free(connection)
    await closed(peer)
    assert pool.available == 0
    # And once more: the pool looks again whenever something is idle.
    connection, peer = await connect(pool, HERE)
    pool.free(connection)
    await closed(peer)
    await pool.close()


async def test_only_those_that_were_idle_for_too_long_go(connect: Connect) -> None:
    now = [0.0]
    pool = Pool(idle_time=55.0, clock=lambda: now[0])
    old, old_peer = await connect(pool, HERE)
    young, _ = await connect(pool, HERE)
    pool.free(old)
    now[0] = 1.0
    pool.free(young)
    now[0] = 55.0
    pool.drop_old()
    await closed(old_peer)
    assert (old.usable, young.usable, pool.watching) == (False, True, True)
    await pool.close()


async def test_the_pool_can_be_told_to_look_before_anything_was_idle(connect: Connect) -> None:
    pool = Pool()
    pool.drop_old()
    assert not pool.watching


async def test_the_pool_rests_while_nothing_is_idle(connect: Connect) -> None:
    pool = Pool(idle_time=0.01)
    connection, peer = await connect(pool, HERE)
    pool.free(connection)
    assert pool.take(HERE) is connection
    while pool.watching:
        await asyncio.sleep(0)
    assert connection.usable
    await pool.close()


async def test_closing_ends_connections_idle_and_in_use(connect: Connect) -> None:
    pool = Pool(idle_time=LONG)
    idle, idle_peer = await connect(pool, HERE)
    used, used_peer = await connect(pool, THERE)
    pool.free(idle)
    assert not pool.closed
    await pool.close()
    assert pool.closed
    assert (pool.leased, pool.available, idle.usable, used.usable) == (0, 0, False, False)
    await closed(idle_peer)
    await closed(used_peer)


async def test_a_pool_that_has_nothing_closes(connect: Connect) -> None:
    await Pool().close()
