"""The tour of ``scripts/demo``: a daemon of its own with its simulator, and the documentation's examples sent to it."""

import argparse
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

PACE = "0.03"  # Seconds between two chunks: as fast as a quick model, slow enough to be seen.
START_TIME = 30.0
CHAT_TIME = 60.0

QUESTION = "What is inference?"


class Step(NamedTuple):
    """One request of the tour; ``body`` is sent as it is written here."""

    title: str
    method: str
    path: str
    body: str


STEPS = (
    Step(
        "Create an endpoint that embeds texts",
        "PUT",
        "_inference/text_embedding/openai-embeddings",
        '{"service":"openai","service_settings":'
        '{"api_key":"<api_key>","model_id":"text-embedding-3-small","dimensions":128}}',
    ),
    Step(
        "Create one that completes prompts",
        "PUT",
        "_inference/completion/openai-completion",
        '{"service":"openai","service_settings":{"api_key":"<api_key>","model_id":"gpt-3.5-turbo"}}',
    ),
    Step(
        "Create one that chats",
        "PUT",
        "_inference/chat_completion/openai-chat-completion",
        '{"service":"openai","service_settings":{"api_key":"<api_key>","model_id":"gpt-4o"}}',
    ),
    Step(
        "Embed two sentences",
        "POST",
        "_inference/text_embedding/openai-embeddings",
        '{"input":["The sky above the port was grey.","A grey sky hung over the harbour."]}',
    ),
    Step(
        "Complete a prompt",
        "POST",
        "_inference/completion/openai-completion",
        '{"input":"What is Elastic?"}',
    ),
)
CHAT = Step(
    "Chat, word by word",
    "POST",
    "_inference/chat_completion/openai-chat-completion/_unified",
    json.dumps({"messages": [{"role": "user", "content": QUESTION}]}, separators=(",", ":")),
)


class TourFailed(Exception):
    """What went wrong, in one line."""


def main() -> int:
    """Gives the tour; the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Show inferd at work, without an account.")
    parser.add_argument("--once", action="store_true", help="end after the tour instead of waiting for Ctrl-C")
    once: bool = parser.parse_args().once
    # However the demonstration is ended, its daemon and its folder go with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        with tempfile.TemporaryDirectory(prefix="inferd-demo-") as folder, _daemon(Path(folder)) as (process, url):
            print(f"inferd and its simulator are up at {url}; what they store is in {folder} and goes with them.")
            for step in STEPS:
                _take(url, step)
            _chat(url)
            if not once:
                _stay(process, url)
    except TourFailed as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130 if once else 0
    print("\nThe tour is complete.")
    return 0


@contextlib.contextmanager
def _daemon(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A daemon on a free port, ready, and its URL; it is stopped at the end."""
    log = folder / "log"
    command = [_inferd(), "serve", "--simulate", "--pace", PACE, "--listen", "127.0.0.1:0"]
    settings = {"INFERD_STORE_DIRECTORY": str(folder / "state"), "INFERD_LOG_FORMAT": "text"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=output, env=_clean_environment() | settings
        )
    try:
        yield process, _ready(process, log)
    except TourFailed:
        sys.stderr.write(log.read_text(errors="replace"))
        raise
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _inferd() -> str:
    return os.path.relpath(Path(sys.executable).with_name("inferd"))


def _clean_environment() -> dict[str, str]:
    """The environment without what would configure the daemon or the client otherwise."""
    return {name: value for name, value in os.environ.items() if not name.startswith("INFERD_")}


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + START_TIME
    while time.monotonic() < until:
        found = re.search(r" ready .*\burl=(\S+)", log.read_text(errors="replace"))
        if found:
            return found[1]
        if process.poll() is not None:
            raise TourFailed(f"the daemon ended with status {process.returncode}")
        time.sleep(0.05)
    raise TourFailed(f"the daemon was not ready within {START_TIME:g} seconds")


def _take(url: str, step: Step) -> None:
    _announce(url, step)
    answer = _sent(url, step)
    if "text_embedding" in answer:
        vectors = [item["embedding"] for item in answer["text_embedding"]]
        if [len(vector) for vector in vectors] != [128, 128]:
            raise TourFailed("there should be two vectors of 128 numbers each")
        for vector in vectors:
            print(f"  [{', '.join(map(str, vector[:4]))}, …]  ({len(vector)} numbers)")
        print(f"  How near they are: {sum(a * b for a, b in zip(*vectors)):.2f}")
    elif "completion" in answer:
        print("  " + answer["completion"][0]["result"])
    else:
        print("  " + json.dumps(answer))


def _announce(url: str, step: Step, *options: str) -> None:
    command = " ".join(("curl", *options, "-X", step.method, f"{url}/{step.path}"))
    print(f"\n# {step.title}\n{command} \\\n  -H 'Content-Type: application/json' -d '{step.body}'\n")


def _sent(url: str, step: Step) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{url}/{step.path}",
        data=step.body.encode(),
        headers={"Content-Type": "application/json"},
        method=step.method,
    )
    # A proxy of the environment is for the world outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as refusal:
        text = refusal.read().decode(errors="replace")
        raise TourFailed(f"{step.method} {step.path} was answered {refusal.code}: {text}") from None
    except (OSError, ValueError) as problem:
        raise TourFailed(f"{step.method} {step.path} failed: {problem}") from None
    return answer


def _chat(url: str) -> None:
    _announce(url, CHAT, "-N")
    command = [_inferd(), "chat", "--url", url, "openai-chat-completion", QUESTION]
    print(f"# The same with inferd's own client, which shows only the words:\n{shlex.join(command)}\n", flush=True)
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, env=_clean_environment(), timeout=CHAT_TIME, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
        raise TourFailed(f"inferd chat failed: {problem}") from None


def _stay(process: subprocess.Popen[bytes], url: str) -> None:
    print(f"\ninferd stays up at {url} until you press Ctrl-C. In another terminal, paste a line from above, or talk:")
    print(f"{shlex.join([_inferd(), 'chat', '--url', url, 'openai-chat-completion'])}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        raise TourFailed(f"the daemon ended by itself with status {process.wait()}")


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
