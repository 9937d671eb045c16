"""Every option of the daemon, its type, its default and its unit, in one table; read from one file and the environment.

``INFERD_SECTION_OPTION`` overrides the option of that name: ``INFERD_LIMITS_BURST=1``. No other module reads a file
or the environment for its settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

# No number is meant to be larger: infinity is no time to wait, and what does not fit into 63 bits fails far from here.
LONGEST = 31 * 24 * 3600.0
MOST = 10**9
LARGEST = 2**40

Seconds = Annotated[float, Meta(gt=0, le=LONGEST)]
SecondsOrOff = Annotated[float, Meta(ge=0, le=LONGEST)]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Bytes = Annotated[int, Meta(ge=1024, le=LARGEST)]

# What Elasticsearch's sentence strategy takes at the least.
SMALLEST_SIZE_LIMIT = 20

PREFIX = "INFERD_"


class BadConfiguration(Exception):
    """An option that is unknown or wrong; the message names it. Nothing was changed by it."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""


class Server(Section, frozen=True):
    """How inferd listens and how long it is patient with its clients."""

    listen: str = "127.0.0.1:9200"
    version: Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+\Z")] = "9.5.0"
    max_body: Bytes = 8 * 1024 * 1024
    body_timeout: Seconds = 30.0
    keepalive_timeout: Seconds = 75.0
    max_connections: Count = 0
    stream_buffer: Bytes = 1024 * 1024
    sse_keepalive: SecondsOrOff = 15.0
    drain_timeout: SecondsOrOff = 30.0


class Store(Section, frozen=True):
    """Where endpoints and their sealed secrets are kept."""

    directory: str = ""
    key_file: str = ""


class OpenAI(Section, frozen=True):
    """The openai service."""

    base_url: str = "https://api.openai.com/v1"


class Inference(Section, frozen=True):
    """What happens when an endpoint is made."""

    validate_on_put: Literal["lenient", "strict", "off"] = "lenient"


class Limits(Section, frozen=True):
    """Rate limits and their queues, for each endpoint."""

    burst: Count = 0
    queue_capacity: Count = 2000


class Upstream(Section, frozen=True):
    """How inferd talks to providers."""

    connect_timeout: Seconds = 5.0
    stream_idle_timeout: Seconds = 300.0
    max_response: Bytes = 50 * 1024 * 1024
    private_networks: Literal["auto", "allow", "refuse"] = "auto"
    allow: tuple[str, ...] = ()
    ca_file: str = ""
    client: Literal["inferd", "aiohttp"] = "inferd"


class Chunking(Section, frozen=True):
    """Cutting long texts into passages."""

    max_chunk_size_limit: Count = 300

    def __post_init__(self) -> None:
        # A lower bound would refuse the default strategy in every size.
        if 0 < self.max_chunk_size_limit < SMALLEST_SIZE_LIMIT:
            raise ValueError(f"[max_chunk_size_limit] must be 0 (no limit) or at least {SMALLEST_SIZE_LIMIT}")


class Compat(Section, frozen=True):
    """Where Elasticsearch's behaviour can be had instead of inferd's own."""

    chat_on_stream_route: bool = False
    upstream_5xx_as_400: bool = False


class Auth(Section, frozen=True):
    """Who may use inferd: ``auto`` asks for client keys wherever others than this machine's users could connect."""

    mode: Literal["auto", "keys", "none"] = "auto"


class Tls(Section, frozen=True):
    """The certificate (PEM, with its chain) and its key; relative names are those of systemd credentials."""

    cert: str = ""
    key: str = ""


class Log(Section, frozen=True):
    """The log, written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class Config(Section, frozen=True):
    """The whole configuration."""

    server: Server = Server()
    store: Store = Store()
    openai: OpenAI = OpenAI()
    inference: Inference = Inference()
    limits: Limits = Limits()
    upstream: Upstream = Upstream()
    chunking: Chunking = Chunking()
    compat: Compat = Compat()
    auth: Auth = Auth()
    tls: Tls = Tls()
    log: Log = Log()


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration in the TOML file ``path`` (None: defaults) with the overrides in ``environ`` applied.

    BadConfiguration names the option, or the file where it cannot be read.
    """
    document = _read(path) if path is not None else {}
    overridden = {}
    for variable, text in sorted(environ.items()):
        if variable.startswith(PREFIX) and variable not in CLIENT_VARIABLES:
            section, option = _option_named(variable)
            table = document.setdefault(section, {})
            if not isinstance(table, dict):
                raise BadConfiguration(f"{path}: [{section}] is not a table")
            table[option] = _from_text(variable, text, section, option)
            overridden[f"{section}.{option}"] = variable
    try:
        return msgspec.convert(document, Config)
    except msgspec.ValidationError as problem:
        raise BadConfiguration(_told(problem, path, overridden)) from None


# What the command line reads as a client of some inferd; not options of the daemon.
CLIENT_VARIABLES = frozenset({"INFERD_URL", "INFERD_API_KEY"})


def options() -> dict[str, dict[str, Any]]:
    """Every option's default, by section and name."""
    document: dict[str, dict[str, Any]] = msgspec.to_builtins(Config())
    return document


def at_home(path: Path, option: str) -> Path:
    """``path`` with its ``~`` or ``~user`` read as a shell reads it; BadConfiguration, which names ``option``."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise BadConfiguration(f"[{option}]: no home folder is known for {path}, write the whole path") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = msgspec.toml.decode(path.read_bytes())
    except OSError as problem:
        raise BadConfiguration(f"{path} cannot be read: {problem.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadConfiguration(f"{path} is not TOML: {problem}") from None
    assert isinstance(document, dict)
    return document


def _option_named(variable: str) -> tuple[str, str]:
    section, _, option = variable.removeprefix(PREFIX).lower().partition("_")
    if option not in options().get(section, {}):
        raise BadConfiguration(f"{variable} names no option")
    return section, option


def _from_text(variable: str, text: str, section: str, option: str) -> object:
    """``text`` as TOML would have it: a string option takes it as it is, a list is separated by commas."""
    default = options()[section][option]
    if isinstance(default, str):
        return text
    if isinstance(default, (list, tuple)):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return msgspec.json.decode(text.strip().lower())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise BadConfiguration(f"{variable}: Expected `{type(default).__name__}`") from None


def _told(problem: msgspec.ValidationError, path: Path | None, overridden: Mapping[str, str]) -> str:
    """``problem`` with the name of the option, and where its value comes from: the environment or the file."""
    what, _, where = str(problem).partition(" - at `$")
    option = where.rstrip("`").removeprefix(".")
    if option.partition("[")[0] in overridden:
        return f"{overridden[option.partition('[')[0]]}: {what}"
    return ": ".join([*([str(path)] if path is not None else []), *([f"[{option}]"] if option else []), what])


def changed(old: Config, new: Config) -> dict[str, tuple[object, object]]:
    """The options that differ, as ``section.option`` to (old, new)."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return {
        f"{section}.{option}": (value, after[section][option])
        for section, options_ in before.items()
        for option, value in options_.items()
        if value != after[section][option]
    }
