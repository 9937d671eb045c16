"""A running daemon for the tests that need nothing special of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.e2e.daemon_process import Daemon, running, unlimited


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A ready daemon with a simulator inside; its log must be clean at the end."""
    async with running(tmp_path, "--simulate") as daemon:
        yield daemon
        await daemon.stopped()


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    """A client without a limit of connections."""
    async with unlimited() as client:
        yield client
