"""Finding services: by their entry points, each once, and none that cannot be used."""

import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, cast

import pytest

from inferd import registry
from inferd.config import Config
from inferd.errors import StatusFailure
from inferd.registry import Plugin, Registry, ServiceUnusable
from inferd.schema.endpoint import Secrets
from inferd.services import InferenceService, Tools
from inferd.services.openai import OpenAIService
from inferd.standing import Standings
from inferd.upstream.sender import Sender
from tests import plain_endpoints

MODULE = "a_plug_in_for_tests"


class Distribution:
    """As much of a distribution as the registry looks at."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = "1.2"


class Plain:
    """As much of a service as the registry looks at."""

    name = "plain"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.restore_endpoint = plain_endpoints.restore


class Misnamed(Plain):
    """A service of another name than its entry point has."""

    name = "other"


class Unnamed:
    """A service without a name."""

    def __init__(self, tools: Tools) -> None: ...


def failing(problem: Exception) -> Any:
    """A service that cannot be made."""

    def make(tools: Tools) -> None:
        raise problem

    return make


@pytest.fixture
def tools() -> Tools:
    sender = Sender(cast(Any, None), Standings(), stream_idle_timeout=1, max_response=1)
    nothing = cast(Any, None)
    return Tools(sender=sender, limits=nothing, policy=nothing, config=Config(), aside=nothing, cutter=nothing)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, MODULE, module)
    return module


def install(monkeypatch: pytest.MonkeyPatch, points: Iterable[EntryPoint]) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda *, group: list(points) if group == registry.GROUP else [])


def point(attribute: str, name: str = "plain", distribution: str | None = "some-dist") -> EntryPoint:
    made = EntryPoint(name, f"{MODULE}:{attribute}", registry.GROUP)
    if distribution is not None:
        vars(made)["dist"] = Distribution(distribution)
    return made


def test_the_openai_service_comes_through_the_same_door(tools: Tools) -> None:
    services = Registry.load(tools)
    (plugin,) = services
    assert isinstance(plugin.service, OpenAIService)
    assert (plugin.distribution, plugin.service) == ("inferd", services.named("openai"))


def test_a_plug_in_is_made_with_the_tools(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, tools: Tools
) -> None:
    module.Plain = Plain  # type: ignore[attr-defined]  # made up for this test
    install(monkeypatch, [point("Plain")])
    (plugin,) = Registry.load(tools)
    assert cast(Any, plugin.service).tools is tools
    assert (plugin.distribution, plugin.version) == ("some-dist", "1.2")


def test_a_plug_in_of_no_distribution(monkeypatch: pytest.MonkeyPatch, module: ModuleType, tools: Tools) -> None:
    module.Plain = Plain  # type: ignore[attr-defined]  # made up for this test
    install(monkeypatch, [point("Plain", distribution=None)])
    (plugin,) = Registry.load(tools)
    assert (plugin.distribution, plugin.version) == ("?", "?")


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (ImportError("No module named 'x'"), "ImportError: No module named 'x'"),
        (SyntaxError("invalid syntax"), "SyntaxError: invalid syntax"),
        (ValueError("bad"), "ValueError: bad"),
        (FileNotFoundError("gone"), "FileNotFoundError: gone"),
        (KeyError("k"), "KeyError: 'k'"),
        (RuntimeError("bad"), "RuntimeError: bad"),
        (NotImplementedError("soon"), "NotImplementedError: soon"),
        (ZeroDivisionError("bad"), "ZeroDivisionError: bad"),
    ],
)
def test_a_broken_plug_in_is_named(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, tools: Tools, problem: Exception, told: str
) -> None:
    module.broken = failing(problem)  # type: ignore[attr-defined]  # made up for this test
    install(monkeypatch, [point("broken")])
    with pytest.raises(ServiceUnusable) as unusable:
        Registry.load(tools)
    assert str(unusable.value) == f"service [plain] of some-dist cannot be loaded: {told}"


@pytest.mark.parametrize("attribute", ["missing", "number", "Unnamed"])
def test_so_is_one_that_is_no_service(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, tools: Tools, attribute: str
) -> None:
    module.number, module.Unnamed = 5, Unnamed  # type: ignore[attr-defined]  # made up for this test
    install(monkeypatch, [point(attribute)])
    with pytest.raises(ServiceUnusable, match=r"^service \[plain\] of some-dist cannot be loaded: "):
        Registry.load(tools)


def test_one_that_calls_itself_otherwise(monkeypatch: pytest.MonkeyPatch, module: ModuleType, tools: Tools) -> None:
    module.Misnamed = Misnamed  # type: ignore[attr-defined]  # made up for this test
    install(monkeypatch, [point("Misnamed")])
    with pytest.raises(ServiceUnusable, match=r"service \[plain\] of some-dist calls itself \[other\]"):
        Registry.load(tools)


def test_two_of_one_name(monkeypatch: pytest.MonkeyPatch, module: ModuleType, tools: Tools) -> None:
    module.Plain = Plain  # type: ignore[attr-defined]  # made up for this test
    install(monkeypatch, [point("Plain"), point("Plain", distribution="another")])
    with pytest.raises(ServiceUnusable, match=r"service \[plain\] is in both some-dist and another"):
        Registry.load(tools)


@pytest.fixture
def plain(tools: Tools) -> Registry:
    service = cast(InferenceService, Plain(tools))
    return Registry({name: Plugin(service, "d", "1") for name in ("plain", "another")})


def test_the_plug_ins_are_sorted_by_name(plain: Registry) -> None:
    assert len(list(plain)) == 2


def test_a_service_is_found_by_name(plain: Registry) -> None:
    assert plain.named("plain").name == "plain"
    assert plain.of(plain_endpoints.endpoint("e")).name == "plain"


@pytest.mark.parametrize("name", ["openai", "", "Plain", 5, None, ["plain"]])
def test_an_unknown_service(plain: Registry, name: object) -> None:
    with pytest.raises(StatusFailure) as unknown:
        plain.named(name)
    assert (unknown.value.status, unknown.value.reason) == (400, f"Unknown service [{name}]")


def test_a_stored_endpoint_is_restored_by_its_service(plain: Registry) -> None:
    endpoint = plain_endpoints.endpoint("e")
    assert plain.restore(endpoint.stored(), Secrets()) == endpoint


def test_a_stored_endpoint_of_a_service_that_is_gone(plain: Registry) -> None:
    with pytest.raises(LookupError, match=r"its service \[gone\] is not installed"):
        plain.restore(plain_endpoints.endpoint("e").stored() | {"service": "gone"}, Secrets())
