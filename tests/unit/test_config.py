"""The configuration: every option at its default, from the file, from the environment, and refused by its name."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from inferd.config import BadConfiguration, Config, Limits, Server, Upstream, at_home, changed, load, options

SAMPLE = Path("conf/inferd.toml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "inferd.toml"


def refused(path: Path | None, environ: Mapping[str, str]) -> str:
    with pytest.raises(BadConfiguration) as caught:
        load(path, environ)
    return str(caught.value)


def test_nothing_said_means_the_defaults() -> None:
    assert load(None, {}) == Config()


def test_the_sample_names_every_option_with_its_default() -> None:
    sample = msgspec.toml.decode(SAMPLE.read_bytes())
    assert {section: list(table) for section, table in sample.items()} == {
        section: list(table) for section, table in options().items()
    }
    assert load(SAMPLE, {}) == Config()


def test_the_sample_explains_every_option_in_one_line() -> None:
    lines = SAMPLE.read_text().splitlines()
    names = [name for section in options().values() for name in section]
    explained = [
        option[0]
        for above, before, line in zip(["", "", *lines], ["", *lines], lines)
        if (option := re.findall(r"^(\w+) = ", line)) and before.startswith("# ") and not above.startswith("#")
    ]
    assert explained == names
    assert max(map(len, lines)) <= 120


def test_the_file_says_what_differs(file: Path) -> None:
    file.write_text('[server]\nlisten = "[::1]:9300"\ndrain_timeout = 5\n[upstream]\nallow = ["10.1.2.3:8000"]\n')
    assert load(file, {}) == Config(
        server=Server(listen="[::1]:9300", drain_timeout=5.0), upstream=Upstream(allow=("10.1.2.3:8000",))
    )


def test_the_environment_overrides_the_file(file: Path) -> None:
    file.write_text("[limits]\nburst = 5\nqueue_capacity = 7\n")
    assert load(file, {"INFERD_LIMITS_BURST": "1"}).limits == Limits(burst=1, queue_capacity=7)


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("INFERD_STORE_DIRECTORY", "/srv/inferd", "store.directory", "/srv/inferd"),
        # What looks like another type is still the text that a string option asks for.
        ("INFERD_STORE_KEY_FILE", "12", "store.key_file", "12"),
        ("INFERD_COMPAT_CHAT_ON_STREAM_ROUTE", "true", "compat.chat_on_stream_route", True),
        ("INFERD_COMPAT_UPSTREAM_5XX_AS_400", " True ", "compat.upstream_5xx_as_400", True),
        ("INFERD_LIMITS_BURST", "1", "limits.burst", 1),
        ("INFERD_SERVER_SSE_KEEPALIVE", "0.5", "server.sse_keepalive", 0.5),
        ("INFERD_UPSTREAM_ALLOW", "10.1.2.3:8000, [fd00::1]:80,", "upstream.allow", ("10.1.2.3:8000", "[fd00::1]:80")),
        ("INFERD_UPSTREAM_ALLOW", "", "upstream.allow", ()),
    ],
)
def test_a_variable_sets_its_option(variable: str, text: str, option: str, value: object) -> None:
    section, name = option.split(".")
    assert msgspec.to_builtins(load(None, {variable: text}))[section][name] == value


def test_other_variables_mean_nothing() -> None:
    assert load(None, {"INFERD_URL": "x", "INFERD_API_KEY": "x", "inferd_limits_burst": "x", "PATH": "x"}) == Config()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[server]\nlisen = ""', "[server]: Object contains unknown field `lisen`"),
        ("[sever]", "Object contains unknown field `sever`"),
        ("server = 3", "[server]: Expected `object`, got `int`"),
        ("[server]\nlisten = 3", "[server.listen]: Expected `str`, got `int`"),
        ("[server]\nmax_body = 1", "[server.max_body]: Expected `int` >= 1024"),
        ("[server]\nmax_body = 99999999999999999999", "[server.max_body]: Expected `int` <= 1099511627776"),
        ("[server]\nbody_timeout = 0", "[server.body_timeout]: Expected `float` > 0.0"),
        ("[server]\nbody_timeout = nan", "[server.body_timeout]: Expected `float` > 0.0"),
        ("[server]\nbody_timeout = inf", "[server.body_timeout]: Expected `float` <= 2678400.0"),
        ("[limits]\nburst = -1", "[limits.burst]: Expected `int` >= 0"),
        ('[upstream]\nallow = ["a", 3]', "[upstream.allow[1]]: Expected `str`, got `int`"),
        ('[log]\nlevel = "loud"', "[log.level]: Invalid enum value 'loud'"),
        (
            "[chunking]\nmax_chunk_size_limit = 19",
            "[chunking]: [max_chunk_size_limit] must be 0 (no limit) or at least 20",
        ),
    ],
)
def test_a_wrong_option_is_named(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    assert refused(file, {}) == f"{file}: {told}"


@pytest.mark.parametrize("version", ["9", "9.5", "9.5.0-SNAPSHOT", "9.5.0\\n", "٩.٥.٠"])
def test_a_version_is_three_numbers(file: Path, version: str) -> None:
    file.write_text(f'[server]\nversion = "{version}"')
    assert "[server.version]: Expected `str` matching regex" in refused(file, {})


@pytest.mark.parametrize("limit", [0, 20])
def test_a_size_limit_leaves_room_for_the_default_strategy(file: Path, limit: int) -> None:
    file.write_text(f"[chunking]\nmax_chunk_size_limit = {limit}")
    assert load(file, {}).chunking.max_chunk_size_limit == limit


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("INFERD_LIMITS_BURTS", "1", "INFERD_LIMITS_BURTS names no option"),
        ("INFERD_LIMITS", "1", "INFERD_LIMITS names no option"),
        ("INFERD_", "1", "INFERD_ names no option"),
        ("INFERD_LIMITS_BURST", "one", "INFERD_LIMITS_BURST: Expected `int`"),
        ("INFERD_LIMITS_BURST", "", "INFERD_LIMITS_BURST: Expected `int`"),
        ("INFERD_LIMITS_BURST", "\udcff", "INFERD_LIMITS_BURST: Expected `int`"),
        ("INFERD_LIMITS_BURST", "[" * 200_000, "INFERD_LIMITS_BURST: Expected `int`"),
        ("INFERD_LIMITS_BURST", "null", "INFERD_LIMITS_BURST: Expected `int`, got `null`"),
        ("INFERD_SERVER_BODY_TIMEOUT", "-1", "INFERD_SERVER_BODY_TIMEOUT: Expected `float` > 0.0"),
        ("INFERD_COMPAT_CHAT_ON_STREAM_ROUTE", "1", "INFERD_COMPAT_CHAT_ON_STREAM_ROUTE: Expected `bool`, got `int`"),
    ],
)
def test_a_wrong_variable_is_named_and_not_the_file(file: Path, variable: str, text: str, told: str) -> None:
    file.write_text("")
    assert refused(file, {variable: text}) == told


def test_a_wrong_option_of_the_file_is_not_laid_to_a_variable(file: Path) -> None:
    file.write_text("[limits]\nqueue_capacity = -1")
    assert refused(file, {"INFERD_LIMITS_BURST": "1"}) == f"{file}: [limits.queue_capacity]: Expected `int` >= 0"


def test_a_variable_cannot_go_into_what_is_no_table(file: Path) -> None:
    file.write_text("limits = 3")
    assert refused(file, {"INFERD_LIMITS_BURST": "1"}) == f"{file}: [limits] is not a table"


@pytest.mark.parametrize("content", [b"[server", b"\xff", b"a = " + b"[" * 100_000], ids=["broken", "latin1", "deep"])
def test_a_file_that_is_no_toml_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert refused(file, {}).startswith(f"{file} is not TOML: ")


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    assert refused(file, {}) == f"{file} cannot be read: No such file or directory"
    assert refused(file.parent, {}) == f"{file.parent} cannot be read: Is a directory"


def test_a_path_may_begin_with_a_home_that_is_known() -> None:
    assert at_home(Path("~/key"), "store.key_file") == Path.home() / "key"
    assert at_home(Path("/~/key"), "store.key_file") == Path("/~/key")
    with pytest.raises(BadConfiguration, match=r"^\[store.key_file\]: no home folder is known for ~nobody-9/key,"):
        at_home(Path("~nobody-9/key"), "store.key_file")


def test_changes_are_told_by_name() -> None:
    assert changed(Config(), Config()) == {}
    assert changed(Config(), Config(limits=Limits(burst=1))) == {"limits.burst": (0, 1)}
