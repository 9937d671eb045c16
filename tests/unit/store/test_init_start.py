"""A store ends and starts in order; a start with what is damaged names it, and no file shows a secret."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from inferd.errors import Document, StatusFailure
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.store import KeyPlaces, Store, StoreUnusable
from tests.plain_endpoints import api_key, endpoint
from tests.unit.store.opened import A, disk, memory, opened


async def test_a_closed_store_still_reads_and_takes_no_writes(store: Store, folder: Path) -> None:
    await asyncio.gather(store.close(), store.close())
    await store.close()
    assert memory(store) == A
    for write in (store.delete("a"), store.create(endpoint("b"), api_key())):
        with pytest.raises(StatusFailure, match="The store is closed") as caught:
            await write
        assert caught.value.status == 503


async def test_a_close_waits_for_the_writes_before_it(store: Store, folder: Path) -> None:
    writing = [asyncio.create_task(store.create(endpoint(f"b{number}"), api_key())) for number in range(5)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writing)
    assert len(store) == 6
    assert await disk(folder) == memory(store)


async def test_a_second_daemon_is_refused_and_the_first_goes_on(store: Store, folder: Path) -> None:
    with pytest.raises(StoreUnusable, match="in use by another inferd"):
        await opened(folder)
    await store.delete("a")


async def test_a_start_that_is_cancelled_gives_everything_back(folder: Path) -> None:
    for step in range(4):
        opening = asyncio.create_task(opened(folder))
        for _ in range(step):
            await asyncio.sleep(0)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await (await opening).close()
        await (await opened(folder)).close()


async def edited(store: Store, folder: Path, statement: str) -> str:
    """The message of a start after ``statement``; nothing on disk is changed by it."""
    await store.close()
    path = folder / "endpoints.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    content = path.read_bytes()
    with pytest.raises(StoreUnusable) as caught:
        await opened(folder)
    assert path.read_bytes() == content
    assert "sk-" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE endpoints SET document = replace(document, 'gpt-4o', 'gpt-4x')",
            "the secrets of [a] do not open: they or their endpoint were changed",
        ),
        (
            "UPDATE secrets SET sealed = x'01'",
            "the secrets of [a] are damaged: they are in no form this inferd knows",
        ),
        (
            "UPDATE secrets SET key_id = '00'",
            "the secrets of [a] were sealed with another key (id 00)",
        ),
    ],
)
async def test_a_damaged_row_stops_the_start_and_is_named(
    store: Store, folder: Path, statement: str, message: str
) -> None:
    assert await edited(store, folder, statement) == message


async def test_an_endpoint_of_an_unknown_service_stops_the_start_and_stays(store: Store, folder: Path) -> None:
    await store.create(endpoint("b"), api_key())
    await store.close()

    def refuse(_document: Document, _secrets: Secrets) -> Endpoint:
        raise StatusFailure("unknown service")

    with pytest.raises(StoreUnusable, match=r"^the endpoint \[a\] cannot be restored: unknown service$"):
        await Store.open(folder, KeyPlaces.of(folder, None, {}), refuse)
    assert set(await disk(folder)) == {"a", "b"}


async def test_no_file_shows_a_secret_or_its_name(store: Store, folder: Path) -> None:
    await store.replace(endpoint("a"), Secrets({"api_key": "sk-find-me", "client_secret": "cs-find-me"}))
    await store.close()
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b'"gpt-4o"' in content
    for secret in (b"sk-", b"find-me", b"api_key", b"client_secret"):
        assert secret not in content
