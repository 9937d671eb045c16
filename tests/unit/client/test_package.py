"""The package as a whole: what importing it costs, and that it is no part of the server."""

import subprocess
import sys

COMMANDS = "import sys; from inferd.client import chat, embed, endpoints; "


def test_the_arguments_cost_no_client() -> None:
    slow = "[name for name in ('aiohttp', 'asyncio', 'ssl', 'aiohttp_sse_client') if name in sys.modules]"
    assert subprocess.check_output([sys.executable, "-c", f"{COMMANDS} print({slow})"]) == b"[]\n"
