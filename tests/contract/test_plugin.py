"""A service of somebody else's: installed as a distribution of its own, found by its entry point, used like openai."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

from inferd import sse
from tests.contract.expected import status
from tests.e2e.daemon_process import Daemon, refused_start, running

SOURCE = Path("tests/foreign_service")
KEY = "sk-echo-0123456789"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip installed the foreign distribution into."""
    folder = tmp_path_factory.mktemp("foreign")
    # Not built where it is: that would leave files in the checkout.
    source = shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--use-pep517", "--target"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, *options, str(folder / "installed"), str(source)], check=True)
    return folder / "installed"


@pytest.fixture
async def daemon(tmp_path: Path, installed: Path) -> AsyncIterator[Daemon]:
    """A daemon that finds the foreign service."""
    async with running(tmp_path, environ={"PYTHONPATH": str(installed)}) as daemon:
        yield daemon
        assert await daemon.stopped() == 0
        assert KEY not in daemon.log_file.read_text()


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[ClientSession]:
    """A client of that daemon."""
    async with ClientSession(daemon.url) as client:
        yield client


async def put(client: ClientSession, task_type: str, **settings: Any) -> tuple[int, bytes]:
    """Makes the endpoint ``e`` of the foreign service; status and body of the answer."""
    body = {"service": "echo", "service_settings": settings}
    async with client.put(f"/_inference/{task_type}/e", json=body) as answer:
        return answer.status, await answer.read()


async def ask(client: ClientSession, path: str, body: object) -> tuple[int, bytes]:
    """POSTs ``body``; status and body of the answer."""
    async with client.post(path, json=body) as answer:
        return answer.status, await answer.read()


def events(body: bytes) -> list[Any]:
    """The data of the events of a stream that ended well."""
    datas = [event.data for event in sse.Decoder().feed(body)]
    assert datas.pop() == b"[DONE]"
    return [msgspec.json.decode(data) for data in datas]


async def test_an_endpoint_of_it_is_made_shown_and_restored(
    tmp_path: Path, installed: Path, client: ClientSession, daemon: Daemon
) -> None:
    made = await put(client, "completion", prefix="> ", api_key=KEY)
    shown = b'{"inference_id":"e","task_type":"completion","service":"echo","service_settings":{"prefix":"> "}}'
    assert made == (200, shown)
    assert await daemon.stopped() == 0
    async with running(tmp_path, environ={"PYTHONPATH": str(installed)}) as again:
        async with ClientSession(again.url) as other, other.get("/_inference/completion/e") as answer:
            assert await answer.read() == b'{"endpoints":[' + shown + b"]}"
        await again.stopped()


async def test_it_embeds(client: ClientSession) -> None:
    assert (await put(client, "text_embedding"))[0] == 200
    assert await ask(client, "/_inference/e", {"input": ["one two", "three"]}) == (
        200,
        b'{"text_embedding":[{"embedding":[7,2,1]},{"embedding":[5,1,2]}]}',
    )


async def test_it_completes_whole_and_streamed(client: ClientSession) -> None:
    assert (await put(client, "completion", prefix="> "))[0] == 200
    assert await ask(client, "/_inference/e", {"input": "one two"}) == (200, b'{"completion":[{"result":"> one two"}]}')
    code, body = await ask(client, "/_inference/completion/e/_stream", {"input": "one two"})
    assert (code, events(body)) == (200, [{"completion": [{"delta": delta}]} for delta in ("> ", "one ", "two")])


async def test_it_chats(client: ClientSession) -> None:
    assert (await put(client, "chat_completion"))[0] == 200
    chat = {"messages": [{"role": "user", "content": "one two"}]}
    code, body = await ask(client, "/_inference/chat_completion/e/_unified", chat)
    choices = [chunk["choices"][0] for chunk in events(body)]
    assert code == 200
    assert [choice["delta"].get("content") for choice in choices] == ["one ", "two", None]
    assert choices[-1]["finish_reason"] == "stop"


async def test_what_it_refuses_before_the_first_word_has_its_own_status(client: ClientSession) -> None:
    assert (await put(client, "completion"))[0] == 200
    code, body = await ask(client, "/_inference/completion/e/_stream", {"input": " "})
    assert (code, body) == (400, b"event: error\ndata: " + status("There is nothing to repeat") + b"\n\n")


async def test_its_settings_are_its_own_affair(client: ClientSession) -> None:
    unknown = "Configuration contains settings [{model_id=m}] unknown to the [echo] service"
    assert await put(client, "completion", model_id="m") == (400, status(unknown))
    wrong = "The [echo] service does not support task type [embedding]"
    assert await put(client, "embedding") == (400, status(wrong))


async def test_openai_is_still_there_beside_it(client: ClientSession) -> None:
    body = {"service": "openai", "service_settings": {}}
    async with client.put("/_inference/completion/e", json=body) as answer:
        assert answer.status == 400
        assert "[service_settings] does not contain the required setting [model_id]" in await answer.text()


async def test_without_it_the_daemon_does_not_start_and_loses_nothing(
    tmp_path: Path, installed: Path, client: ClientSession, daemon: Daemon
) -> None:
    assert (await put(client, "completion", prefix="> "))[0] == 200
    assert await daemon.stopped() == 0
    assert "its service [echo] is not installed" in await refused_start(tmp_path)
    async with running(tmp_path, environ={"PYTHONPATH": str(installed)}) as again:
        async with ClientSession(again.url) as other:
            assert await ask(other, "/_inference/e", {"input": "one"}) == (200, b'{"completion":[{"result":"> one"}]}')
        await again.stopped()
