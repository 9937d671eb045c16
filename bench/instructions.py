"""Instructions of user code that one request takes, counted by callgrind: the same on a busy machine to 0.2 %.

Run by hand: ``python -m bench.instructions [completion] [embedding] [embedding-array] [burst]``; it needs valgrind. A
stream of ``burst`` has a hundred events. It says whether a change saves anything, and nothing about the kernel or about
caches: for what a request costs see ``scripts/bench``.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from bench.gateway import programs, work
from bench.gateway.programs import HOST, Gateway

# Before the count begins, and while it runs: enough to have everything in place that is made once.
WARM, COUNTED = 320, 640
CONNECTIONS = 16

# Under callgrind a start takes half a minute on a busy machine. Seconds.
START_TIME = 180.0

KINDS = {each.name: each for each in (work.COMPLETION, work.EMBEDDING, work.EMBEDDING_ARRAY, work.BURST)}


def main(names: Sequence[str]) -> int:
    """Prints the count for each of the kinds of work ``names``, for all kinds if there is none; the exit status."""
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        print(f"instructions: [{', '.join(unknown)}] are none of [{', '.join(KINDS)}]", file=sys.stderr)
        return 2
    if shutil.which("callgrind_control") is None:
        print("instructions: valgrind is missing", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work.write_answers(folder)
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counted"]
        watched = programs.inferd(folder, "inferd", "inferd", under=valgrind, seconds=START_TIME)
        with programs.upstream(folder) as port, watched as gateway:
            work.prepare(gateway, port)
            # It says that the connection ends with it: a request for which inferd imports what it else would meanwhile.
            urllib.request.urlopen(f"http://{HOST}:{gateway.port}/").close()
            for kind in names or KINDS:
                print(f"{kind:16} {_count(gateway, KINDS[kind], folder):12,.0f} instructions a request", flush=True)
    return 0


def _count(gateway: Gateway, kind: work.Work, folder: Path) -> float:
    asyncio.run(_asked(gateway, kind, WARM))
    _control(gateway, "--instr=on")
    _control(gateway, "--zero")
    asyncio.run(_asked(gateway, kind, COUNTED))
    _control(gateway, f"--dump={kind.name}")
    _control(gateway, "--instr=off")
    newest = max(folder.glob("counted.*"), key=lambda dump: dump.stat().st_mtime_ns)
    (total,) = [line for line in newest.read_text().splitlines() if line.startswith("totals:")]
    return int(total.split()[1]) / COUNTED


def _control(gateway: Gateway, what: str) -> None:
    subprocess.run(["callgrind_control", what, str(gateway.pid)], check=True, capture_output=True)


async def _asked(gateway: Gateway, kind: work.Work, count: int) -> None:
    """Sends ``count`` requests of ``kind``, and reads each answer to its end."""
    body = json.dumps(kind.body).encode()
    head = f"POST {kind.path(gateway)} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    numbers = iter(range(count))

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(HOST, gateway.port, limit=2**22)
        for _ in numbers:
            writer.write(request)
            answered = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not answered.startswith(b"http/1.1 200 "):
                raise RuntimeError(answered.decode())
            _, named, length = answered.partition(b"\r\ncontent-length:")
            await (reader.readexactly(int(length.split()[0])) if named else reader.readuntil(b"\r\n0\r\n\r\n"))
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
