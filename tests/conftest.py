"""What tests of the REST layer need, alone or as a whole; and how property tests look for examples."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.served import Served, served

# A loaded machine is slow and must not fail a test by that; in CI the same examples come every time, so that a failure
# there is always of the change that is tested. Developers get new ones at every run.
settings.register_profile(
    "inferd", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("inferd")


@pytest.fixture
async def inferd(tmp_path: Path) -> AsyncIterator[Served]:
    """A served inferd at its defaults, the simulator behind it."""
    async with served(tmp_path) as running:
        yield running
