"""One request to the server and its whole or streamed answer; the only module a command needs for it."""

import asyncio
import contextlib
import os
import re
import signal
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

import aiohttp
import msgspec

from inferd import __version__
from inferd.client.events import events
from inferd.client.failures import ClientFailure, Misuse, ServerRefused, Unreachable
from inferd.client.target import Target

T = TypeVar("T")
Body = bytes | Mapping[str, object]

# A host that does not even accept is not worth the patience of an inference.
CONNECT_TIMEOUT = 30.0

_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')


class Reply:
    """An answer: its bytes as they came, and what its ``Warning`` headers say."""

    def __init__(self, url: str, body: bytes, warnings: list[str]) -> None:
        self.url = url
        self.body = body
        self.warnings = warnings

    def text(self) -> str:
        """The answer as it came, as lines."""
        return self.body.decode(errors="replace").rstrip("\n") + "\n"

    def indented(self) -> str:
        """The answer for people to read; ClientFailure if it is not JSON."""
        self.read(msgspec.Raw)
        return msgspec.json.format(self.body, indent=2).decode(errors="replace") + "\n"

    def read(self, shape: type[T]) -> T:
        """The answer as ``shape``; ClientFailure if it is something else."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ClientFailure(f"{self.url} gave an answer that is not inferd's: {error}") from None


def exchange(
    target: Target, method: str, path: str, *, body: Body | None = None, query: Mapping[str, str] | None = None
) -> Reply:
    """Sends one request and gives its answer; ServerRefused, Unreachable or Misuse otherwise."""
    return _run(_exchange(target, method, path, None if body is None else _encoded(body), query or {}))


def listen(target: Target, path: str, body: Body, take: Callable[[str], None]) -> None:
    """POSTs ``body`` and hands each event's data to ``take`` the moment it comes; returns at ``[DONE]``.

    Raises as ``exchange`` does, StreamCut for an end without ``[DONE]``, and whatever ``take`` raises.
    """
    _run(_listen(target, path, _encoded(body), take))


async def _exchange(target: Target, method: str, path: str, body: bytes | None, query: Mapping[str, str]) -> Reply:
    headers = {} if body is None else {"Content-Type": "application/json"}
    with _told(target):
        async with asyncio.timeout(target.patience), _session(target) as session:
            async with session.request(
                method, target.url + path, params=query, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await response.read()
                if not 200 <= response.status < 300:
                    raise ServerRefused.of(target.url, response.status, content, response.content_type)
                return Reply(target.url, content, _warnings(response.headers.getall("Warning", [])))


async def _listen(target: Target, path: str, body: bytes, take: Callable[[str], None]) -> None:
    async with _session(target) as session:
        stream = events(session, target, path, body)
        async with contextlib.aclosing(stream):
            while True:
                # take() stays outside: its OSErrors are stdout's, not the network's.
                with _told(target):
                    data = await anext(stream, None)
                if data is None:
                    return
                take(data)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs ``work``; Ctrl-C ends it as a KeyboardInterrupt, with its connections closed."""

    async def interruptible() -> T:
        # asyncio.run's own way is a plain signal handler: a Ctrl-C just before the loop goes to sleep would be seen
        # only when the server says something. The loop's handlers wake it.
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        return await work

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _session(target: Target) -> aiohttp.ClientSession:
    """A session for one request."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_trust(target.ca_file)),
        headers={"User-Agent": f"inferd/{__version__}", **target.headers},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
    )


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Misuse(f"cannot use the certificates in {ca_file}: {error.strerror or error}") from None


@contextlib.contextmanager
def _told(target: Target) -> Iterator[None]:
    """Names the server in each failure of the network below."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"cannot reach {target.url}: {_system_reason(error)}") from None
    except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError) as error:
        raise Unreachable(f"lost {target.url}: {str(error) or type(error).__name__}") from None
    except TimeoutError:
        raise Unreachable(f"no answer from {target.url} within {target.patience:g} s") from None
    except UnicodeDecodeError:
        raise Unreachable(f"{target.url} sent a stream that is not UTF-8") from None
    except UnicodeError:
        raise Unreachable(f"cannot reach {target.url}: that cannot be the name of a host") from None


def _system_reason(error: aiohttp.ClientConnectorError) -> str:
    """The system's own words where the error is the system's: asyncio's repeat the address."""
    # Subclasses are failures of DNS and TLS: their numbers are other libraries', and not all of them have one.
    number = error.os_error.errno if type(error) is aiohttp.ClientConnectorError else None
    return os.strerror(number) if number else str(error)


def _encoded(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        raise Misuse("the text to send is not valid UTF-8") from None


def _warnings(headers: list[str]) -> list[str]:
    """The texts of ``Warning`` headers (``299 agent "text"``, RFC 9111 kept their form), or the headers themselves."""
    texts = []
    for header in headers:
        found = _WARNING.findall(header)
        texts += [re.sub(r"\\(.)", r"\1", text) for text in found] or [header]
    return texts
