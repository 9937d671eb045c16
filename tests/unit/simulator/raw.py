"""A client that speaks bytes, so that a test sees exactly what the simulator sent."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inferd.simulator.server import Simulator

KEY = "Bearer test-key"
ASK = [{"role": "user", "content": "What is a test?"}]


@dataclass
class Reply:
    """One answer, its chunks joined; ``whole`` is False where it broke off."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


def request(
    path: str, body: object = None, method: str = "", headers: Mapping[str, str | None] | None = None
) -> bytes:
    """A request's bytes; ``body`` is sent as it is, or as JSON; a header of None is left out."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    defaults = {"Host": "test", "Authorization": KEY, "Content-Length": str(len(content))}
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (defaults | dict(headers or {})).items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode() + content


def chat(model: str = "gpt-4o", **fields: object) -> dict[str, object]:
    return {"model": model, "messages": ASK, **fields}


def parse(data: bytes) -> tuple[Reply, bytes]:
    """The first answer in ``data``, and what follows it."""
    head, _, rest = data.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    status = int(start.split(" ")[1])
    if "content-length" in headers:
        size = int(headers["content-length"])
        return Reply(status, headers, rest[:size], len(rest) >= size), rest[size:]
    body = b""
    while True:
        size_line, _, rest = rest.partition(b"\r\n")
        size = int(size_line or b"1", 16)
        piece, end, rest = rest[:size], rest[size : size + 2], rest[size + 2 :]
        body += piece
        if end != b"\r\n" or not size:
            return Reply(status, headers, body, end == b"\r\n"), rest


async def connect(simulator: Simulator) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = simulator.base_url.removeprefix("http://").removesuffix("/v1").rsplit(":", 1)
    return await asyncio.open_connection(host.strip("[]"), int(port))


async def talk(simulator: Simulator, data: bytes) -> bytes:
    """All that comes back for ``data`` until the simulator closes; the client itself stays."""
    reader, writer = await connect(simulator)
    writer.write(data)
    try:
        return await reader.read()
    finally:
        writer.close()


async def ask(simulator: Simulator, path: str, body: object = None, **more: Any) -> Reply:
    """The answer to one request on a connection of its own."""
    headers = {"Connection": "close"} | more.pop("headers", {})
    reply, rest = parse(await talk(simulator, request(path, body, headers=headers, **more)))
    assert rest == b""
    return reply


def events(reply: Reply) -> list[Any]:
    """The events of a stream as documents, ``[DONE]`` as text; comments are left out."""
    lines = [line for line in reply.body.decode().split("\n\n") if line.startswith("data: ")]
    datas = [line.removeprefix("data: ") for line in lines]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


def text(chunks: list[Any], index: int = 0) -> str:
    """The content of one choice of a stream."""
    choices = [choice for chunk in chunks if chunk != "[DONE]" for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices if choice["index"] == index)
