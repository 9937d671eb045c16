"""The life of the daemon, told in order: start, serve, reload, drain, end.

Failures are treated by the phase of life they fall in. At start everything is fatal, before readiness is told. While
serving, a failure costs one request. A reload that fails changes nothing. At the stop, what is not finished at the
deadline is ended with a word, and counted.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiohttp import web

from inferd import __version__, systemd
from inferd.app import App, assembled
from inferd.config import BadConfiguration, Config, changed, load
from inferd.errors import StatusFailure
from inferd.log import LibraryHandler, Log
from inferd.registry import ServiceUnusable
from inferd.store import StoreUnusable
from inferd.upstream.addresses import is_loopback

# Connections the kernel holds while the loop is busy; thousands of clients may come back at once after a restart.
BACKLOG = 2048

# What was already accepted when the stop came is served this long before the drain is over, seconds.
ACCEPTED_GRACE = 0.3

# What aiohttp then still has to close is nobody's work any more. It waits twice as long as it is told.
CLEANUP_TIME = 0.5

# Options that a reload puts in force; the others wait for a restart, and the log says so.
RELOADABLE = ("limits", "compat", "log", "inference", "chunking", "openai")


class CannotStart(Exception):
    """Why the daemon does not start, in one line."""


class Launch(NamedTuple):
    """How the daemon was called: the file, what the command line says over it, whether it brings a simulator.

    ``pace`` is the time in seconds between two of the simulator's chunks.
    """

    config_file: Path | None
    listen: str | None
    simulate: bool
    pace: float = 0.0


def run(launch: Launch, environ: MutableMapping[str, str]) -> int:
    """Runs the daemon until it is told to stop; the exit status."""
    try:
        config = configured(launch, environ)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_live(launch, config, environ))
    except (BadConfiguration, StoreUnusable, ServiceUnusable, CannotStart, ValueError, OSError) as problem:
        # The log may not be there yet, or be what is wrong.
        os.write(2, f"inferd: {problem}\n".encode())
        return 1
    return 0


def configured(launch: Launch, environ: MutableMapping[str, str]) -> Config:
    """The configuration as the launch has it."""
    config = load(launch.config_file, environ)
    if launch.listen is not None:
        config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, listen=launch.listen))
    return config


async def _live(launch: Launch, config: Config, environ: MutableMapping[str, str]) -> None:
    log = Log(config.log)
    logging.basicConfig(handlers=[LibraryHandler(log)], level=logging.WARNING, force=True)
    notifier, watchdog = systemd.take_notifier(environ), systemd.take_watchdog(environ)
    stop, again = asyncio.Event(), asyncio.Event()
    _bind_signals(stop, again)
    async with AsyncExitStack() as stack:
        if launch.simulate:
            config = await stack.enter_async_context(_simulated(config, launch.pace, log))
        sockets = await _listening(config, environ)
        app = await stack.enter_async_context(assembled(config, environ, log, sockets[0].getsockname()[0]))
        runner = web.ServerRunner(app.server, shutdown_timeout=CLEANUP_TIME)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        sites = [web.SockSite(runner, listening, backlog=BACKLOG) for listening in sockets]
        for site in sites:
            await site.start()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        _bind_reload(launch, app, log, notifier, environ)
        if watchdog is not None:
            stack.enter_context(_Watchdog(notifier, watchdog))
        url = _url(sockets[0])
        log.info("ready", version=__version__, url=url, endpoints=len(app.parts.store), pid=os.getpid())
        notifier.ready(f"serving {len(app.parts.store)} endpoints at {url}")
        await stop.wait()
        notifier.stopping()
        await _drain(app, sites, again, log)
    log.info("stopped")


async def _drain(app: App, sites: list[web.SockSite], again: asyncio.Event, log: Log) -> None:
    """Takes no new connections, waits for what is open, then ends what is left; a second signal ends it now."""
    app.parts.draining = True
    log.info("stopping", open_requests=len(app.parts.open), open_streams=app.parts.open.streams)
    for site in sites:
        await site.stop()
    limit = app.parts.config.server.drain_timeout
    hurry = asyncio.create_task(again.wait())
    finished = asyncio.create_task(_finished(app))
    await asyncio.wait({hurry, finished}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    for task in (hurry, finished):
        task.cancel()
    left = app.parts.open.cut(StatusFailure("inferd is shutting down", 503, headers={"Retry-After": "1"}))
    if left:
        log.warning("ended what was not finished in time", open_requests=left, drain_timeout=limit)
        await asyncio.wait({asyncio.create_task(app.parts.open.none_left())}, timeout=CLEANUP_TIME * 4)


async def _finished(app: App) -> None:
    await asyncio.sleep(ACCEPTED_GRACE)
    await app.parts.open.none_left()


@asynccontextmanager
async def _simulated(config: Config, pace: float, log: Log) -> AsyncIterator[Config]:
    """A simulator beside the daemon, and the configuration that sends everything without a ``url`` to it."""
    from inferd.simulator import Simulator

    async with Simulator(pace) as simulator:
        log.warning("simulating: no provider is called", base_url=simulator.base_url)
        address = simulator.base_url.removeprefix("http://").removesuffix("/v1")
        yield msgspec.structs.replace(
            config,
            openai=msgspec.structs.replace(config.openai, base_url=simulator.base_url),
            upstream=msgspec.structs.replace(config.upstream, allow=(*config.upstream.allow, address)),
        )


async def _listening(config: Config, environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets systemd passed, else one for ``[server] listen``."""
    passed = systemd.take_sockets(environ)
    if passed:
        return passed
    host, colon, port = config.server.listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise CannotStart(f"[server.listen]: [{config.server.listen}] is not address:port")
    host = host.strip("[]") or "127.0.0.1"
    if not is_loopback(host) and config.auth.mode != "none":
        raise CannotStart(
            f"[server.listen]: {host} can be reached by others and nothing protects it: "
            'listen on 127.0.0.1, or write [auth] mode = "none"'
        )
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        return [_bound(family, address)]
    except OSError as problem:
        raise CannotStart(f"[server.listen]: cannot listen on {config.server.listen}: {problem.strerror}") from None


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _bind_signals(stop: asyncio.Event, again: asyncio.Event) -> None:
    def on_stop() -> None:
        (again if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_stop)


def _bind_reload(
    launch: Launch, app: App, log: Log, notifier: systemd.Notifier, environ: MutableMapping[str, str]
) -> None:
    def on_reload() -> None:
        notifier.reloading()
        _reload(launch, app, log, environ)
        notifier.ready(f"serving {len(app.parts.store)} endpoints")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_reload)


def _reload(launch: Launch, app: App, log: Log, environ: MutableMapping[str, str]) -> None:
    old = app.parts.config
    try:
        new = configured(launch, environ)
    except BadConfiguration as problem:
        log.error("configuration has not been changed", problem=str(problem))
        return
    kept = {section: getattr(old, section) for section in Config.__struct_fields__ if section not in RELOADABLE}
    if launch.simulate:
        kept["openai"] = old.openai
    effective = msgspec.structs.replace(new, **kept)
    for option in changed(effective, new):
        log.warning("this option changes at the next restart", option=option)
    app.parts.config = app.tools.config = effective
    app.parts.limits.reconfigure(burst=effective.limits.burst, queue_capacity=effective.limits.queue_capacity)
    log.reconfigure(effective.log)
    log.info("configuration reloaded", changed=sorted(changed(old, effective)))


class _Watchdog:
    """Feeds systemd's watchdog from the event loop, so that a loop that hangs is noticed."""

    def __init__(self, notifier: systemd.Notifier, within: float) -> None:
        self._notifier = notifier
        self._interval = within / 3
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._feed()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _feed(self) -> None:
        self._notifier.alive()
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._feed)


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
