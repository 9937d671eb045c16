"""Options anywhere among the words of a command: ``inferd chat ENDPOINT --usage PROMPT``."""

import argparse
from collections.abc import Sequence
from typing import Any


def allow_options_anywhere(parser: argparse.ArgumentParser) -> None:
    """Lets options of ``parser`` stand between its positionals; call it once all arguments are added.

    By itself argparse gives a PROMPT that may be empty its nothing as soon as it has met ENDPOINT, and does not know
    what to do with the words after an option. Its own remedy, ``parse_known_intermixed_args``, is out of reach for the
    parser of a subcommand: the parent calls ``parse_known_args``.
    """
    plain = parser.parse_known_args

    def intermixed(args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        # The remedy itself parses twice, the plain way.
        setattr(parser, "parse_known_args", plain)
        try:
            return parser.parse_known_intermixed_args(args, namespace)
        finally:
            setattr(parser, "parse_known_args", intermixed)

    setattr(parser, "parse_known_args", intermixed)
