"""``inferd health``: asks a running inferd whether it is ready; the exit status is for containers and cron."""

import argparse
import os
import ssl
import sys
import urllib.error
import urllib.request

DEFAULT_URL = "http://127.0.0.1:9200"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say whom to ask."""
    parser.add_argument("--url", help=f"the inferd to ask (default: $INFERD_URL, else {DEFAULT_URL})")
    parser.add_argument("--ca-file", metavar="FILE", help="certificates to trust instead of the system's (PEM)")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS", help="patience (%(default)g)")


def run(arguments: argparse.Namespace) -> int:
    """0 if it is ready, 1 with a word why otherwise."""
    url = (arguments.url or os.environ.get("INFERD_URL") or DEFAULT_URL).rstrip("/")
    try:
        ready, told = _asked(url, arguments.ca_file, arguments.timeout)
    except (OSError, ValueError) as problem:
        ready, told = False, str(getattr(problem, "reason", problem))
    print(told, file=sys.stdout if ready else sys.stderr)
    return 0 if ready else 1


def _asked(url: str, ca_file: str | None, timeout: float) -> tuple[bool, str]:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"[{url}] is not an http or https URL")
    context = ssl.create_default_context(cafile=ca_file) if url.startswith("https:") else None
    # A probe asks this very machine: what a proxy has to say would be about the proxy.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(f"{url}/readyz", timeout=timeout) as answer:
            return True, answer.read(100).decode("utf-8", "replace")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return False, refusal.read(100).decode("utf-8", "replace")
