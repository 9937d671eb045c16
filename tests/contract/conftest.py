"""An inferd with two endpoints whose key must never be seen again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.served import Served, served

SECRET = "sk-topsecret-0123456789"


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Served]:
    """An inferd with an endpoint ``c`` for completions and one ``chat``, whose key is ``SECRET``."""
    async with served(tmp_path, inference_validate_on_put="off") as running:
        await running.put("c", "completion", api_key=SECRET)
        await running.put("chat", "chat_completion", api_key=SECRET)
        yield running
