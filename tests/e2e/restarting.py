"""Clients that come all the time, and a daemon that is handed its socket, as systemd does it."""

import asyncio

from aiohttp import ClientSession

from tests.e2e.daemon_process import CHAT

# The socket at descriptor 3 and this very process named, then the daemon in its place.
ACTIVATE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); "
    "os.environ |= {'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())}; "
    "os.execv(sys.executable, [sys.executable, '-m', 'inferd', 'serve', *sys.argv[2:]])"
)


async def ask_all_the_time(url: str, done: asyncio.Event) -> list[int]:
    """A new connection every 10 ms, each with one chat; any error of any of them is raised."""
    requests = []
    while not done.is_set():
        requests.append(asyncio.create_task(_chat(url)))
        await asyncio.sleep(0.01)
    return await asyncio.gather(*requests)


async def _chat(url: str) -> int:
    async with ClientSession(headers={"Connection": "close"}) as client:
        async with client.post(f"{url}/_inference/chat_completion/chat/_unified", json=CHAT) as answer:
            body = await answer.read()
            # Before the endpoint is made there is none.
            assert answer.status == 404 or body.endswith(b"data: [DONE]\n\n"), body
            return answer.status
