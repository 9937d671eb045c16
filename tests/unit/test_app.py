"""Putting the parts together: what each option becomes, what keeps inferd from starting, and what is left behind."""

import asyncio
import io
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inferd import client_keys
from inferd.app import address_policy, assembled, check_base_url, guarded
from inferd.auth import Guard
from inferd.config import Config, OpenAI, load
from inferd.log import Log
from inferd.schema.endpoint import Settings, TaskType
from inferd.store import StoreUnusable
from inferd.upstream.addresses import AddressPolicy, AddressRefused
from inferd.upstream.aiohttp_client import AiohttpClient
from inferd.upstream.own_client import OwnClient


def configured(folder: Path, **options: str) -> Config:
    """A configuration with its state in ``folder``."""
    environ = {"INFERD_STORE_DIRECTORY": str(folder)} | {f"INFERD_{name}": value for name, value in options.items()}
    return load(None, environ)


def log(config: Config, stream: io.StringIO | None = None) -> Log:
    return Log(config.log, stream or io.StringIO())


def refused(policy: AddressPolicy, address: str) -> bool:
    try:
        policy.check(address, 80)
    except AddressRefused:
        return True
    return False


async def test_the_parts_are_those_that_the_configuration_asks_for(tmp_path: Path) -> None:
    config = configured(tmp_path, SERVER_KEEPALIVE_TIMEOUT="7", LIMITS_QUEUE_CAPACITY="9")
    async with assembled(config, {}, log(config), "127.0.0.1") as app:
        assert (app.parts.config, app.tools.config) == (config, config)
        assert app.parts.limits is app.tools.limits
        assert app.parts.standings is app.tools.sender.standings
        assert app.parts.guard is None
        assert app.parts.connections() == {"leased": 0, "available": 0, "pending": 0}
        assert app.parts.services.named("openai").name == "openai"
        assert len(app.parts.store) == 0
        assert app.server.keepalive_timeout == 7


@pytest.mark.parametrize(("name", "kind"), [("inferd", OwnClient), ("aiohttp", AiohttpClient)])
async def test_the_upstream_client_is_the_one_that_was_named(tmp_path: Path, name: str, kind: type) -> None:
    config = configured(tmp_path, UPSTREAM_CLIENT=name)
    async with assembled(config, {}, log(config), "127.0.0.1") as app:
        assert isinstance(app.tools.sender.client, kind)


async def test_the_state_is_where_systemd_wants_it_unless_the_configuration_says_otherwise(tmp_path: Path) -> None:
    environ = {"STATE_DIRECTORY": str(tmp_path / "systemd")}
    for config, folder in ((Config(), "systemd"), (configured(tmp_path / "own"), "own")):
        async with assembled(config, environ, log(config), "127.0.0.1"):
            assert (tmp_path / folder / "key").exists()


async def test_a_key_file_of_one_s_own_is_used(tmp_path: Path) -> None:
    config = configured(tmp_path / "state", STORE_KEY_FILE=str(tmp_path / "my.key"))
    async with assembled(config, {}, log(config), "127.0.0.1"):
        assert (tmp_path / "my.key").exists()
        assert not (tmp_path / "state" / "key").exists()


async def test_afterwards_nothing_is_left_open(tmp_path: Path) -> None:
    config = configured(tmp_path)
    for turn in range(5):
        async with assembled(config, {}, log(config), "127.0.0.1"):
            pass
        descriptors = len(os.listdir("/proc/self/fd"))
        if turn == 0:
            before = descriptors
    assert descriptors <= before
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_known_of_an_endpoint_follows_what_is_stored(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with assembled(config, {}, log(config), "127.0.0.1") as app:
        endpoint, secrets = app.parts.services.named("openai").parse_endpoint(
            "e", TaskType.COMPLETION, {"service_settings": {"api_key": "k", "model_id": "m"}}
        )
        limit = app.parts.limits.of("e", 7)
        app.parts.standings.well("e")
        await app.parts.store.create(endpoint, secrets)
        assert limit.requests_per_minute == 500 and app.parts.standings.get("e") is not None
        plain = msgspec.structs.replace(endpoint, service_settings=Settings())
        limit.change(7)
        await app.parts.store.replace(plain, secrets)
        assert limit.requests_per_minute == 7
        await app.parts.store.delete("e")
        assert app.parts.standings.get("e") is None and list(app.parts.limits) == []


async def test_a_store_that_cannot_be_used_is_told_and_nothing_is_left_open(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with assembled(config, {}, log(config), "127.0.0.1"):
        with pytest.raises(StoreUnusable):
            async with assembled(config, {}, log(config), "127.0.0.1"):
                pass
    async with assembled(config, {}, log(config), "127.0.0.1"):
        pass


@pytest.mark.parametrize(
    ("private_networks", "host", "private"),
    [
        ("auto", "127.0.0.1", True),
        ("auto", "::1", True),
        ("auto", "localhost", True),
        ("auto", "0.0.0.0", False),
        ("auto", "192.168.1.1", False),
        ("allow", "0.0.0.0", True),
        ("refuse", "127.0.0.1", False),
    ],
)
def test_private_networks_may_be_called_by_who_serves_none_but_this_machine(
    tmp_path: Path, private_networks: str, host: str, private: bool
) -> None:
    config = configured(tmp_path, UPSTREAM_PRIVATE_NETWORKS=private_networks, UPSTREAM_ALLOW="10.0.0.1:80")
    policy = address_policy(config, host)
    assert refused(policy, "10.0.0.2") != private
    assert not refused(policy, "10.0.0.1")
    assert refused(policy, "169.254.169.254")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"UPSTREAM_ALLOW": "llm.internal:80"}, r"\[upstream.allow\]: \[llm.internal:80\]"),
        ({"UPSTREAM_CA_FILE": "/nowhere"}, r"\[upstream.ca_file\]: /nowhere cannot be used: No such file"),
        ({"UPSTREAM_CA_FILE": "/dev/null"}, r"\[upstream.ca_file\]: /dev/null cannot be used: TLS failed"),
        ({"OPENAI_BASE_URL": "ftp://example.com"}, r"\[openai.base_url\]: only http and https"),
        ({"OPENAI_BASE_URL": "http://169.254.169.254/v1"}, r"\[openai.base_url\]: the address is not allowed"),
    ],
)
@pytest.mark.parametrize("client", ["inferd", "aiohttp"])
async def test_a_wrong_option_is_told_by_its_name(
    tmp_path: Path, options: dict[str, str], told: str, client: str
) -> None:
    config = configured(tmp_path, UPSTREAM_CLIENT=client, **options)
    with pytest.raises(ValueError, match=told):
        async with assembled(config, {}, log(config), "127.0.0.1"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_base_url_in_a_private_network_is_for_who_may_call_there() -> None:
    config = msgspec.structs.replace(Config(), openai=OpenAI(base_url="http://127.0.0.1:8080/v1"))
    check_base_url(AddressPolicy(private=True), config)
    with pytest.raises(ValueError, match="not allowed"):
        check_base_url(AddressPolicy(private=False), config)


@pytest.mark.parametrize(
    ("mode", "host", "keys", "outcome"),
    [
        ("auto", "127.0.0.1", True, "open"),
        ("auto", "127.0.0.1", False, "open"),
        ("auto", "0.0.0.0", True, "guarded"),
        ("auto", "0.0.0.0", False, "refused"),
        ("none", "0.0.0.0", False, "open"),
        ("none", "127.0.0.1", True, "open"),
        ("keys", "127.0.0.1", True, "guarded"),
        ("keys", "127.0.0.1", False, "guarded, with a warning"),
        ("keys", "0.0.0.0", False, "refused"),
    ],
)
def test_nobody_is_let_in_from_elsewhere_without_a_key(
    tmp_path: Path, mode: Any, host: str, keys: bool, outcome: str
) -> None:
    config, stream = configured(tmp_path, AUTH_MODE=mode), io.StringIO()
    if keys:
        client_keys.create(tmp_path, "somebody", "user")
    if outcome == "refused":
        with pytest.raises(ValueError, match=r"\[server.listen\]: 0.0.0.0 can be reached by others"):
            guarded(config, tmp_path, host, log(config, stream))
        return
    guard = guarded(config, tmp_path, host, log(config, stream))
    assert isinstance(guard, Guard) == outcome.startswith("guarded")
    assert ("nobody can use inferd yet" in stream.getvalue()) == outcome.endswith("warning")


async def test_a_guard_stands_where_it_is_asked_for(tmp_path: Path) -> None:
    client_keys.create(tmp_path, "somebody", "user")
    config = configured(tmp_path)
    async with assembled(config, {}, log(config), "0.0.0.0") as app:
        assert isinstance(app.parts.guard, Guard)
