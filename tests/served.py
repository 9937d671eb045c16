"""An inferd within the test's own process, with the simulator behind it, and the plainest client there is."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
from multidict import CIMultiDictProxy
from yarl import URL

from inferd.app import App, assembled
from inferd.config import load
from inferd.log import Log
from inferd.simulator import Simulator
from tests.taking import taking

API_KEY = "sk-0123456789abcdef"

# What every body is sent with unless a test says otherwise; no other header is sent but Host and the body's length.
JSON_TYPE = {"Content-Type": "application/json"}
_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Answer(NamedTuple):
    """An answer, byte for byte."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as what it means."""
        return msgspec.json.decode(self.body)

    @property
    def reason(self) -> str:
        """What an error says, in whichever form."""
        error = self.json["error"]
        return str(error if isinstance(error, str) else error.get("reason", error.get("message")))


class Served:
    """A served inferd: ask it by ``ask``; ``lines`` is its log so far."""

    def __init__(
        self, app: App, port: int, simulator: Simulator, log: io.StringIO, http: aiohttp.ClientSession
    ) -> None:
        self.app = app
        self.parts = app.parts
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.simulator = simulator
        self._log = log
        self.http = http

    @property
    def log(self) -> str:
        """The log so far."""
        return self._log.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log so far, line by line."""
        return [msgspec.json.decode(line) for line in self.log.splitlines()]

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Sends ``body`` (bytes as they are, anything else as JSON) to ``path``, which is not encoded any further."""
        raw = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        sent = {**(JSON_TYPE if raw is not None else {}), **(headers or {})}
        # aiohttp warns of large bodies, which it sends in one piece.
        data = io.BytesIO(raw) if raw is not None else None
        url = URL(self.url + path, encoded=True)
        async with self.http.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.read())

    def skip_trials(self) -> None:
        """From now on endpoints are stored without a call to their upstream."""
        config = self.parts.config
        inference = msgspec.structs.replace(config.inference, validate_on_put="off")
        self.parts.config = msgspec.structs.replace(config, inference=inference)

    async def put(self, inference_id: str, task_type: str, model: str = "sim", **settings: object) -> Answer:
        """Makes an openai endpoint; it must succeed."""
        body = {"service": "openai", "service_settings": {"api_key": API_KEY, "model_id": model, **settings}}
        answer = await self.ask("PUT", f"/_inference/{task_type}/{inference_id}", body)
        assert answer.status == 200, answer.body
        return answer


@asynccontextmanager
async def served(folder: Path, **options: str) -> AsyncIterator[Served]:
    """An inferd with its state in ``folder``; options are named ``section_option``, valued as in the environment."""
    log = io.StringIO()
    async with Simulator() as simulator:
        environ = {"STORE_DIRECTORY": str(folder / "state"), "OPENAI_BASE_URL": simulator.base_url}
        environ |= {name.upper(): value for name, value in options.items()}
        config = load(None, {f"INFERD_{name}": value for name, value in environ.items()})
        async with assembled(config, {}, Log(config.log, log), "127.0.0.1") as app:
            async with taking(app.server) as port, aiohttp.ClientSession(
                skip_auto_headers=_OWN_HEADERS, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            ) as http:
                yield Served(app, port, simulator, log, http)
