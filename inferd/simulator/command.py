"""``inferd simulate``: runs the simulator alone."""

import argparse
import asyncio
import sys

from inferd import simulator

DEFAULT_ADDRESS = "127.0.0.1:9201"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds where it listens and how fast it is; the help also tells which models make it go wrong."""
    parser.add_argument("--listen", metavar="ADDR", default=DEFAULT_ADDRESS, help="address:port (%(default)s)")
    parser.add_argument("--pace", type=float, default=0.02, metavar="SECONDS", help="between chunks (%(default)s)")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = simulator.faults_help()


def run(arguments: argparse.Namespace) -> int:
    """Runs it until Ctrl-C; 1 with a word why where it cannot listen."""
    host, colon, port = arguments.listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        print(f"inferd: [{arguments.listen}] is not address:port", file=sys.stderr)
        return 1
    print(f"inferd's simulator (no model answers) at http://{arguments.listen}/v1", file=sys.stderr)
    try:
        asyncio.run(simulator.serve(host.strip("[]") or "127.0.0.1", int(port), arguments.pace))
    except KeyboardInterrupt:
        return 0
    except (OSError, UnicodeError) as problem:
        print(f"inferd: {problem}", file=sys.stderr)
        return 1
    return 0
