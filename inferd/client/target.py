"""Which inferd a command talks to and with what credentials: the arguments every client command has."""

import argparse
import contextlib
import dataclasses
import math
import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from inferd.client.failures import Misuse

DEFAULT_URL = "http://127.0.0.1:9200"

# Beyond the server's own limits (120 s to the first chunk, 300 s of silence in a stream), so that the server,
# which knows why, is the one to give up.
DEFAULT_PATIENCE = 305.0


@dataclasses.dataclass(frozen=True)
class Target:
    """A server and how to call it; ``repr`` does not show the key."""

    url: str
    api_key: str | None = dataclasses.field(default=None, repr=False)
    ca_file: str | None = None
    timeout: float | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Target":
        """The target of parsed arguments and the environment; Misuse if they cannot be meant."""
        url = arguments.url or os.environ.get("INFERD_URL") or DEFAULT_URL
        return cls(_checked_url(url), _api_key(arguments), arguments.ca_file, arguments.timeout)

    @property
    def patience(self) -> float:
        """How many seconds of silence are too many."""
        return DEFAULT_PATIENCE if self.timeout is None else self.timeout

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say who is calling."""
        return {} if self.api_key is None else {"Authorization": f"ApiKey {self.api_key}"}

    def inference_query(self) -> dict[str, str]:
        """The server's own ``timeout`` for an inference, told only if the user set one."""
        return {} if self.timeout is None else {"timeout": f"{math.ceil(self.timeout * 1000)}ms"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that ``Target.of`` reads."""
    group = parser.add_argument_group("server")
    group.add_argument("--url", help=f"the inferd to call (default: $INFERD_URL, else {DEFAULT_URL})")
    key = group.add_mutually_exclusive_group()
    key.add_argument(
        "--api-key",
        metavar="KEY",
        help="client key; visible in the process list: prefer $INFERD_API_KEY or --api-key-file",
    )
    key.add_argument("--api-key-file", metavar="FILE", help="file that holds the client key")
    group.add_argument("--ca-file", metavar="FILE", help="certificates to trust instead of the system's (PEM)")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        help="longest wait for an answer, in a stream for its next piece; also sent as the inference's own timeout",
    )


def segment(name: str) -> str:
    """``name`` as one segment of a path; Misuse for what a URL would not keep as one."""
    if name in ("", ".", ".."):
        raise Misuse(f"[{name}] cannot be the id of an endpoint")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError:
        raise Misuse("an id is not valid UTF-8") from None


def key_in(path: str) -> str:
    """The key that a file holds, without the newline editors put after it."""
    try:
        key = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misuse(f"cannot read the key file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misuse(f"the key file {path} is not text") from None
    if not key:
        raise Misuse(f"the key file {path} is empty")
    return key


def _api_key(arguments: argparse.Namespace) -> str | None:
    if arguments.api_key_file is not None:
        key = key_in(arguments.api_key_file)
    else:
        key = (arguments.api_key or os.environ.get("INFERD_API_KEY") or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise Misuse("the API key holds characters that no header can carry")
    return key or None


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        plausible = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        plausible = False
    if not plausible:
        raise Misuse(f"[{url}] is not an http or https URL")
    if parts.username is not None or parts.query or parts.fragment:
        # Not repeated: it may hold a password.
        raise Misuse("the URL must not hold a user, a query or a fragment")
    return url.rstrip("/")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"[{text}] is no number of seconds above 0")
