"""Puts the parts together: the one place where everything is made, and unmade in reverse."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from inferd.aside import Aside
from inferd.auth import Guard
from inferd.config import Config, at_home
from inferd.cutting import Cutter
from inferd.log import Log
from inferd.ratelimit import RateLimits
from inferd.registry import Registry
from inferd.rest import ROUTES
from inferd.rest.dispatch import Dispatcher
from inferd.rest.open_requests import OpenRequests
from inferd.rest.parts import Parts
from inferd.rest.routing import Router
from inferd.rest.server import Server
from inferd.schema.endpoint import Endpoint
from inferd.services import Tools
from inferd.standing import Standings
from inferd.store import KeyPlaces, Store, state_directory
from inferd.upstream.addresses import AddressPolicy, BadUrl, is_loopback
from inferd.upstream.client import Client, words
from inferd.upstream.own_client import OwnClient
from inferd.upstream.sender import Sender


class App(NamedTuple):
    """A running inferd without sockets: ``server`` makes connections; ``parts`` and ``tools`` change on reload."""

    server: Server
    parts: Parts
    tools: Tools


@asynccontextmanager
async def assembled(config: Config, environ: Mapping[str, str], log: Log, host: str) -> AsyncIterator[App]:
    """An inferd that is to listen at ``host``. Entering opens the store and finds the services.

    StoreUnusable, ServiceUnusable or ValueError (of an option) say why it cannot be.
    """
    policy = address_policy(config, host)
    check_base_url(policy, config)
    client = upstream_client(policy, config)
    aside = Aside()
    cutter = Cutter(aside)
    try:
        standings = Standings()
        sender = Sender(
            client,
            standings,
            stream_idle_timeout=config.upstream.stream_idle_timeout,
            max_response=config.upstream.max_response,
        )
        limits = RateLimits(burst=config.limits.burst, queue_capacity=config.limits.queue_capacity)
        tools = Tools(sender=sender, limits=limits, policy=policy, config=config, aside=aside, cutter=cutter)
        services = Registry.load(tools)
        directory = state_directory(Path(config.store.directory) if config.store.directory else None, environ)
        guard = guarded(config, directory, host, log)
        store = await _opened(config, directory, environ, services)
        store.on_change = partial(_settled, limits, standings)
        try:
            parts = Parts(config, store, services, limits, standings, OpenRequests(), aside, cutter, client.stats)
            parts.guard = guard
            with parts.loop_lag:
                yield App(_server(parts, log), parts, tools)
        finally:
            await store.close()
    finally:
        await client.close()
        cutter.close()
        aside.close()


def upstream_client(policy: AddressPolicy, config: Config) -> Client:
    """What sends requests upstream, to be closed; ValueError for certificates that cannot be used."""
    make: Callable[..., Client] = OwnClient
    if config.upstream.client == "aiohttp":
        # Few want it, and it takes a quarter of a start and 5 MB (see inferd.serve).
        from inferd.upstream.aiohttp_client import AiohttpClient

        make = AiohttpClient
    try:
        return make(
            policy,
            connect_timeout=config.upstream.connect_timeout,
            ca_file=config.upstream.ca_file,
            stream_buffer=config.server.stream_buffer,
        )
    except OSError as problem:
        raise ValueError(f"[upstream.ca_file]: {config.upstream.ca_file} cannot be used: {words(problem)}") from None


async def _opened(config: Config, directory: Path, environ: Mapping[str, str], services: Registry) -> Store:
    option = config.store.key_file
    key_file = at_home(Path(option), "store.key_file") if option else None
    keys = KeyPlaces.of(directory, key_file, environ)
    return await Store.open(directory, keys, services.restore)


def _settled(limits: RateLimits, standings: Standings, inference_id: str, endpoint: Endpoint | None) -> None:
    """What is known of an endpoint besides what is stored follows that."""
    if endpoint is None:
        limits.delete(inference_id)
        standings.forget(inference_id)
    elif (rate := endpoint.service_settings.requests_per_minute) is not None:
        limits.change(inference_id, rate)


def guarded(config: Config, directory: Path, host: str, log: Log) -> Guard | None:
    """Who is let in at ``host``: with a key, or, for None, everyone. ValueError where others could come without one."""
    exposed = not is_loopback(host)
    if config.auth.mode == "none" or (config.auth.mode == "auto" and not exposed):
        return None
    guard = Guard(directory, log)
    if not guard and exposed:
        raise ValueError(
            f"[server.listen]: {host} can be reached by others and nothing protects it: make a client key "
            '(inferd keys create NAME --role admin), listen on 127.0.0.1, or write [auth] mode = "none"'
        )
    if not guard:
        log.warning("nobody can use inferd yet: make a client key (inferd keys create NAME --role admin)")
    return guard


def address_policy(config: Config, host: str) -> AddressPolicy:
    """Where URLs may lead for a daemon that listens at ``host``; ValueError names a bad ``[upstream] allow``."""
    private = config.upstream.private_networks
    try:
        return AddressPolicy(
            private=private == "allow" or (private == "auto" and is_loopback(host)), allow=config.upstream.allow
        )
    except ValueError as problem:
        raise ValueError(f"[upstream.allow]: {problem}") from None


def check_base_url(policy: AddressPolicy, config: Config) -> None:
    """ValueError where endpoints without a ``url`` could not be called."""
    try:
        policy.check_url(config.openai.base_url)
    except BadUrl as problem:
        raise ValueError(f"[openai.base_url]: {problem}") from None


def _server(parts: Parts, log: Log) -> Server:
    dispatch = Dispatcher(Router(ROUTES), parts, log)
    return Server(dispatch, log, keepalive_timeout=parts.config.server.keepalive_timeout)
