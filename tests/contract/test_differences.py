"""docs/differences.md names every switch there is, and what it says of each is so."""

import re
from pathlib import Path

import msgspec
import pytest

from inferd.config import Compat, load
from tests.contract.expected import status
from tests.served import served

PAGE = (Path(__file__).parents[2] / "docs" / "differences.md").read_text()
SWITCHES = re.findall(r"^\* `\[compat\] (\w+) = true`:", PAGE, re.MULTILINE)
CHAT = {"messages": [{"role": "user", "content": "Hello"}]}


def test_the_page_lists_every_switch_once_and_explains_it_in_a_row() -> None:
    assert SWITCHES == [field.name for field in msgspec.structs.fields(Compat)]
    for name in SWITCHES:
        rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"Switch: `{name}`" in line]
        assert len(rows) == 1, name


def test_no_switch_is_on_unless_asked_for() -> None:
    assert not any(getattr(Compat(), name) for name in SWITCHES)


def test_every_option_on_the_page_is_one() -> None:
    named = re.findall(r"`\[(\w+)\] (\w+)", PAGE)
    assert len(named) > 8
    config = load(None, {})
    assert [(section, name) for section, name in named if not hasattr(getattr(config, section, None), name)] == []


def test_every_row_is_complete() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert all(re.fullmatch(r"\|[^|]+\|[^|]+\|[^|]*\|", row) for row in rows)


@pytest.mark.parametrize("switch", SWITCHES)
async def test_each_switch_does_what_the_page_says(tmp_path: Path, switch: str) -> None:
    for position in ("false", "true"):
        folder = tmp_path / position
        async with served(folder, inference_validate_on_put="off", **{f"compat_{switch}": position}) as inferd:
            await inferd.put("chat", "chat_completion")
            await inferd.put("bad", "completion", "sim-502")
            chat = await inferd.ask("POST", "/_inference/chat_completion/chat/_stream", CHAT)
            bad = await inferd.ask("POST", "/_inference/bad?timeout=300ms", {"input": "a"})
        switched = position == "true"
        assert chat.status == (200 if switched and switch == "chat_on_stream_route" else 400)
        code = 400 if switched and switch == "upstream_5xx_as_400" else 502
        reason = (
            "Received a server error status code for request from inference entity id [bad] status [502]. "
            "Error message: [The simulated gateway got no answer.]"
        )
        assert (bad.status, bad.body) == (code, status(reason, code))
