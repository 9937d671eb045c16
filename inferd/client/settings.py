"""The body of ``inferd endpoints put``: settings from options, and a provider's key that never is an argument."""

import argparse
import getpass
import os
import sys
from pathlib import Path

from inferd.client.failures import Misuse
from inferd.client.target import key_in
from inferd.client.terminal import piped_text

Body = bytes | dict[str, object]

DESCRIPTION = """Create an endpoint of the openai service. The provider's key comes from an environment variable, a
file or stdin; on a terminal it is asked for. It is never an argument: everyone on the machine can read those."""

_SETTINGS = ("model", "upstream_key_env", "upstream_key_file", "upstream_url", "dimensions", "requests_per_minute")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that ``body`` reads."""
    group = parser.add_argument_group("endpoint")
    group.add_argument("--model", metavar="MODEL", help="the provider's model (model_id)")
    key = group.add_mutually_exclusive_group()
    key.add_argument("--upstream-key-env", metavar="NAME", help="environment variable that holds the provider's key")
    key.add_argument("--upstream-key-file", metavar="FILE", help="file that holds the provider's key; - is stdin")
    group.add_argument("--upstream-url", metavar="URL", help="the provider's URL, if it is not OpenAI (url)")
    group.add_argument("--dimensions", metavar="N", type=int, help="length of the vectors")
    group.add_argument("--requests-per-minute", metavar="N", type=int, help="rate limit")
    group.add_argument("--body", metavar="FILE", help="the whole body as JSON instead of these options; - is stdin")


def body(arguments: argparse.Namespace) -> Body:
    """The body that the options mean; Misuse if they contradict each other or a key is missing."""
    given = [name for name in _SETTINGS if getattr(arguments, name) is not None]
    if arguments.body is None:
        return {"service": "openai", "service_settings": _service_settings(arguments)}
    if given:
        raise Misuse(f"--body is the whole body: it does not go with --{given[0].replace('_', '-')}")
    return _read(arguments.body)


def _service_settings(arguments: argparse.Namespace) -> dict[str, object]:
    per_minute = arguments.requests_per_minute
    settings = {
        "api_key": _upstream_key(arguments),
        "model_id": arguments.model,
        "url": arguments.upstream_url,
        "dimensions": arguments.dimensions,
        "rate_limit": None if per_minute is None else {"requests_per_minute": per_minute},
    }
    return {name: value for name, value in settings.items() if value is not None}


def _upstream_key(arguments: argparse.Namespace) -> str:
    if arguments.upstream_key_env is not None:
        origin, key = f"${arguments.upstream_key_env}", os.environ.get(arguments.upstream_key_env, "")
    elif arguments.upstream_key_file == "-":
        origin, key = "stdin", piped_text()
    elif arguments.upstream_key_file is not None:
        return key_in(arguments.upstream_key_file)
    elif sys.stdin is not None and sys.stdin.isatty():
        origin, key = "the terminal", _typed_key()
    else:
        raise Misuse("there is no provider key: give --upstream-key-env, --upstream-key-file or a whole --body")
    if not key.strip():
        raise Misuse(f"there is no provider key in {origin}")
    return key.strip()


def _typed_key() -> str:
    try:
        return getpass.getpass("Provider's key (not shown): ", stream=sys.stderr)
    except EOFError:
        return ""


def _read(name: str) -> bytes:
    if name == "-":
        return piped_text().encode()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Misuse(f"cannot read {name}: {error.strerror}") from None
