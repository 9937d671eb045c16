"""intermixed: the order in which people type options and words does not matter."""

import argparse

import pytest

from inferd.client.intermixed import allow_options_anywhere


def parsed(line: str) -> argparse.Namespace:
    """A command line, read by a parser under another."""
    top = argparse.ArgumentParser(prog="inferd")
    parser = top.add_subparsers(required=True).add_parser("chat")
    parser.add_argument("kind", nargs="?")
    parser.add_argument("endpoint")
    parser.add_argument("prompt", nargs="*")
    parser.add_argument("--usage", action="store_true")
    parser.add_argument("--model")
    allow_options_anywhere(parser)
    return top.parse_args(line.split())


@pytest.mark.parametrize(
    "line",
    ["chat k e hi you --usage --model m", "chat --model m k --usage e hi you", "chat k e --usage hi --model m you"],
)
def test_options_may_stand_anywhere(line: str) -> None:
    found = parsed(line)
    assert (found.kind, found.endpoint, found.prompt, found.usage, found.model) == ("k", "e", ["hi", "you"], True, "m")


def test_what_is_optional_may_be_left_out() -> None:
    assert parsed("chat e").prompt == []


@pytest.mark.parametrize(
    ("line", "told"),
    [("chat", "required: endpoint"), ("chat e --nope", "unrecognized arguments: --n"), ("chat e --model", "--model")],
)
def test_a_wrong_use_is_one_still(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parsed(line)
    assert exit_.value.code == 2
    assert told in capsys.readouterr().err
