"""What tests of the REST layer need, alone or as a whole."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.served import Served, served


@pytest.fixture
async def inferd(tmp_path: Path) -> AsyncIterator[Served]:
    """A served inferd at its defaults, the simulator behind it."""
    async with served(tmp_path) as running:
        yield running
