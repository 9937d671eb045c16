"""``inferd chunk`` as a command, and the daemon as a process while it cuts: nothing of theirs outlives them."""

import asyncio
import io
import json
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.e2e.daemon_process import CLEAN, PATIENCE, Daemon, inferd

TEXT = "Aa b c d e f. Gg h i j k l. Mm n o p q r. Ss t u v w x.\n"
# Would be searched for hours if nobody ended it: twelve million code units are allowed four seconds.
RUNAWAY = ["--strategy", "recursive", "--separators", "(?>[^b]*)b"]


async def test_passages_of_a_file_and_of_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text(TEXT)
    status, out, err = await inferd("chunk", str(path), "--max-chunk-size", "20")
    assert (status, err) == (0, "")
    assert out.startswith("── passage 1 of 2 ── 0–42 ──\nAa b c d e f.")
    status, out, err = await inferd("chunk", "--strategy", "none", "--json")
    assert (status, out, err) == (0, '{"chunks":[{"text":"","text_offset":{"start":0,"end":0}}]}\n', "")


async def test_wrong_settings() -> None:
    status, out, err = await inferd("chunk", "--strategy", "word", "--max-chunk-size", "9")
    assert (status, out) == (2, "")
    assert err.startswith("inferd chunk: Validation Failed: 1: [chunking_settings] Invalid value [9.0]. [max_chunk")


async def cutting(pid: int) -> int:
    """The process that cuts for ``pid``, once there is one; whichever thread has started it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for task in Path(f"/proc/{pid}/task").iterdir():
                if children := (task / "children").read_text().split():
                    return int(children[0])
            await asyncio.sleep(0.01)


async def gone(pid: int) -> None:
    """Returns once the process is gone, and reaped."""
    async with asyncio.timeout(PATIENCE):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.01)


async def test_ctrl_c_ends_a_search_that_runs_away(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("a " * 6_000_000)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inferd", "chunk", str(path), *RUNAWAY,
        env=CLEAN, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        # Whoever runs the tests in the background has it ignored, and so would all that they start.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    child = await cutting(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")
    await gone(child)


RUNAWAY_BODY = {
    "input": "a " * 3_000_000,
    "chunking_settings": {"strategy": "recursive", "max_chunk_size": 10, "separators": ["(?>[^b]*)b"]},
}


async def ask(client: ClientSession, daemon: Daemon, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and document of an answer to ``_chunk``."""
    data = io.BytesIO(json.dumps(body).encode())
    headers = {"Content-Type": "application/json"}
    async with client.post(f"{daemon.url}/_inference/_chunk", data=data, headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


async def test_a_client_that_leaves_takes_its_process_along(daemon: Daemon, client: ClientSession) -> None:
    asking = asyncio.create_task(ask(client, daemon, RUNAWAY_BODY))
    child = await cutting(daemon.process.pid)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await gone(child)


async def test_a_daemon_that_must_stop_now_leaves_none_behind(daemon: Daemon, client: ClientSession) -> None:
    asking = asyncio.create_task(ask(client, daemon, RUNAWAY_BODY))
    child = await cutting(daemon.process.pid)
    daemon.signal(signal.SIGTERM)
    await daemon.says("stopping")
    daemon.signal(signal.SIGTERM)
    assert await daemon.ended() == 0
    await gone(child)
    status, document = await asking
    assert (status, document["error"]["reason"]) == (503, "inferd is shutting down")


async def test_a_document_is_cut_to_its_end_while_the_daemon_drains(daemon: Daemon, client: ClientSession) -> None:
    asking = asyncio.create_task(ask(client, daemon, {"input": "One two three. " * 300_000}))
    child = await cutting(daemon.process.pid)
    daemon.signal(signal.SIGTERM)
    status, document = await asking
    assert status == 200 and document["chunked_inference_service_result"][0]["chunks"]
    assert await daemon.ended() == 0
    await gone(child)
