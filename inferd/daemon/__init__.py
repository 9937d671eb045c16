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
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from inferd import __version__, systemd
from inferd.app import App, assembled
from inferd.config import BadConfiguration, Config, load
from inferd.daemon.acceptor import Acceptor, connection_limit
from inferd.daemon.draining import drain
from inferd.daemon.heartbeat import Heartbeat
from inferd.daemon.memory import give_back
from inferd.daemon.reload import Reloader
from inferd.daemon.sockets import CannotListen, Listening, listen
from inferd.daemon.tls import Certificate, CertificateUnusable
from inferd.log import LibraryHandler, Log, where
from inferd.registry import ServiceUnusable
from inferd.rest.parts import Parts
from inferd.rest.server import Server
from inferd.store import StoreUnusable

# What aiohttp still has to close after the drain is nobody's work any more. It waits twice as long as it is told.
CLEANUP_TIME = 0.5

# So long after the start those who have waited for it come first, and what can be done later is. Seconds.
QUIET_AFTER = 2.0


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
    except (
        BadConfiguration, StoreUnusable, ServiceUnusable, CannotListen, CertificateUnusable, ValueError, OSError
    ) as problem:
        # The log may not be there yet, or be what is wrong.
        remedy = problem.remedy if isinstance(problem, StoreUnusable) else ""
        os.write(2, f"inferd: {problem}{remedy and f'; {remedy}'}\n".encode())
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
    _bind_log(log)
    notifier, watchdog = systemd.take_notifier(environ), systemd.take_watchdog(environ)
    stop, again = asyncio.Event(), asyncio.Event()
    _bind_signals(stop, again)
    async with AsyncExitStack() as stack:
        read = partial(configured, launch, environ)
        if launch.simulate:
            read = await stack.enter_async_context(_simulated(read, launch.pace, log))
            config = read()
        listening = await listen(config, environ)
        stack.callback(listening.close)
        certificate = Certificate.of(config.tls, environ)
        app = await stack.enter_async_context(assembled(config, environ, log, listening.host))
        stack.push_async_callback(_end_connections, app.server)
        acceptor = _acceptor(app, listening, certificate, log)
        acceptor.start()
        reloader = Reloader(app, certificate, log, read)
        url = listening.url("https" if certificate is not None else "http")
        status = partial(_status, app, url)
        _bind_reload(reloader, notifier, status)
        stack.enter_context(Heartbeat(notifier, watchdog, status))
        _settle_memory()
        log.info("ready", version=__version__, url=url, endpoints=len(app.parts.store), pid=os.getpid())
        notifier.ready(status())
        stack.callback(asyncio.create_task(_housekeeping(app.parts)).cancel)
        await stop.wait()
        notifier.stopping()
        await drain(app, acceptor, again, log, take_waiting=not listening.passed)
    log.info("stopped")


async def _housekeeping(parts: Parts) -> None:
    """Imports beside the loop what most clients do without, then minds the memory; runs until it is cancelled.

    Whoever needs it earlier has the loop wait for it.
    """
    await asyncio.sleep(QUIET_AFTER)
    await parts.aside.run(import_module, "inferd.rest.aiohttp_server")
    gc.freeze()
    await give_back(lambda: len(parts.open), parts.aside)


async def _end_connections(server: Server) -> None:
    # What has just been accepted begins, so that it is not taken for idle.
    await asyncio.sleep(0)
    server.pre_shutdown()
    await server.shutdown(CLEANUP_TIME)


def _acceptor(app: App, listening: Listening, certificate: Certificate | None, log: Log) -> Acceptor:
    limit = connection_limit(app.parts.config.server.max_connections)
    tls = certificate.context if certificate is not None else None
    return Acceptor(listening.sockets, app.server, log, limit=limit, tls=tls)


def _status(app: App, url: str) -> str:
    return f"serving {len(app.parts.store)} endpoints at {url}, {app.parts.open.streams} open streams"


def _settle_memory() -> None:
    """What the start has made stays: the collector need not look at it again.

    It stops everybody for as long as it looks, half a microsecond for an object that is not in the cache: so it looks
    often and at little, some milliseconds at most while 2,000 streams begin, and almost never at everything. Requests
    leave no garbage for it, and whatever is left is collected when memory is given back.
    """
    gc.freeze()
    gc.set_threshold(1_000, 5, 10_000)
    # The start does without.
    gc.enable()


@asynccontextmanager
async def _simulated(read: partial[Config], pace: float, log: Log) -> AsyncIterator[partial[Config]]:
    """A simulator beside the daemon; what ``read`` reads then sends everything without a ``url`` to it."""
    from inferd.simulator import Simulator

    async with Simulator(pace) as simulator:
        log.warning("simulating: no provider is called", base_url=simulator.base_url)
        yield partial(_led_to, simulator.base_url, read)


def _led_to(base_url: str, read: Callable[[], Config]) -> Config:
    config = read()
    address = base_url.removeprefix("http://").removesuffix("/v1")
    return msgspec.structs.replace(
        config,
        openai=msgspec.structs.replace(config.openai, base_url=base_url),
        upstream=msgspec.structs.replace(config.upstream, allow=(*config.upstream.allow, address)),
    )


def _bind_log(log: Log) -> None:
    """Brings into the log what libraries and the loop have to say, one line each; of the loop's errors only some."""
    logging.basicConfig(handlers=[LibraryHandler(log)], level=logging.WARNING, force=True)

    def on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told, bug = str(context.get("message"))[:200], context.get("exception")
        place = where(bug) if bug is not None else None
        log.seldom("the event loop had an error", event=told, exception=type(bug).__name__, where=place)

    asyncio.get_running_loop().set_exception_handler(on_loop_error)


def _bind_signals(stop: asyncio.Event, again: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_stop() -> None:
        (again if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    # Before there is anything to reload: the default would end the process.
    loop.add_signal_handler(signal.SIGHUP, _nothing_to_reload)


def _nothing_to_reload() -> None:
    return


def _bind_reload(reload: Reloader, notifier: systemd.Notifier, status: Callable[[], str]) -> None:
    def on_reload() -> None:
        notifier.reloading()
        reload()
        notifier.ready(status())

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_reload)


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
