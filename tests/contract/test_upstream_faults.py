"""What a client gets when the provider fails: every fault, every task, both upstream clients, all at once.

The table in docs/behavior.md is this one; a row that is missing there, or says something else, fails.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tests.contract.upstream_faults import FAULTS, NOWHERE, ONE_ANSWER, STREAMS, Fault
from tests.scripted_upstream import refusing, scripted
from tests.served import API_KEY, Answer, Served, served

CLIENTS = ("inferd", "aiohttp")
OPTIONS = {
    "upstream_stream_idle_timeout": "3",
    "upstream_connect_timeout": "1",
    "upstream_max_response": str(1024 * 1024),
    "upstream_private_networks": "allow",
}


class Case(NamedTuple):
    """One field of the table, for one client."""

    client: str
    fault: Fault
    task: str
    path: str

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.client}-{self.task}{self.path}-{self.fault.provider}"

    @property
    def expected(self) -> str:
        """What the table says."""
        return self.fault.stream_gets if self.path else self.fault.gets


class Outcome(NamedTuple):
    """What came of a case."""

    answer: Answer
    attempts: int


class Everything(NamedTuple):
    """All outcomes by case, and what was left of each inferd."""

    outcomes: dict[str, Outcome]
    logs: dict[str, str]
    connections: dict[str, dict[str, int]]


# Few enough that a loaded machine connects each within its time: a connection that comes too late is tried again.
AT_ONCE = 60

CASES = [
    case
    for client in CLIENTS
    for fault in FAULTS
    for tasks in (ONE_ANSWER, STREAMS)
    for task, path in tasks.items()
    if (case := Case(client, fault, task, path)).expected != "–"
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    """Every case, once."""
    with asyncio.Runner() as runner:
        yield runner.run(_everything(tmp_path_factory.mktemp("faults")))


async def _everything(folder: Path) -> Everything:
    found = Everything({}, {}, {})
    async with AsyncExitStack() as stack:
        refused_url = stack.enter_context(refusing())
        inferds = {}
        for client in CLIENTS:
            inferds[client] = await stack.enter_async_context(
                served(folder / client, upstream_client=client, **OPTIONS)
            )
            inferds[client].skip_trials()
        at_once = asyncio.Semaphore(AT_ONCE)

        async def played(case: Case, number: int) -> Answer:
            async with at_once:
                return await _played(inferds[case.client], case, number, refused_url)

        answers = await asyncio.gather(*(played(case, number) for number, case in enumerate(CASES)))
        for client, inferd in inferds.items():
            await inferd.parts.open.none_left()
            found.logs[client] = inferd.log
            found.connections[client] = dict(inferd.parts.connections())
        lines = {line["id"]: line for inferd in inferds.values() for line in inferd.lines if "id" in line}
        for number, (case, answer) in enumerate(zip(CASES, answers, strict=True)):
            found.outcomes[case.name] = Outcome(answer, lines[str(number)].get("attempts", 1))
    return found


async def _played(inferd: Served, case: Case, number: int, refused_url: str) -> Answer:
    async with scripted(*case.fault.scripts(case.task, case.path) or [[]]) as upstream:
        url = upstream.url
        if case.fault in NOWHERE:
            url = (refused_url, "http://nosuch.invalid/v1")[NOWHERE.index(case.fault)]
        elif "TLS" in case.fault.provider:
            url = url.replace("http:", "https:")
        await inferd.put(f"e{number}", case.task, url=url)
        body = {"messages": [{"role": "user", "content": "x"}]} if "chat" in case.task else {"input": ["x"]}
        path = f"/_inference/{case.task}/e{number}{case.path}?timeout={case.fault.timeout}"
        for _ in range(1, case.fault.asked):
            assert (await inferd.ask("POST", path, body)).status == 200
        return await inferd.ask("POST", path, body, {"X-Opaque-Id": str(number)})


def gets(case: Case, outcome: Outcome) -> str:
    """What came of it, in the words of the table."""
    answer, attempts = outcome
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    if answer.status != 200:
        kind = " timeout_exception" if b"timeout_exception" in answer.body else ""
        return f"{answer.status}{kind}{tried}"
    if not case.path:
        return f"200{tried}"
    events = answer.body.split(b"\n\n")
    assert events.pop() == b""
    if events[-1] == b"event: message\ndata: [DONE]":
        assert [event.startswith(b"event: message\ndata: {") for event in events] == [True, True, False]
        return f"200{tried}"
    assert events[0].startswith(b"event: message\ndata: {")
    assert events[-1].startswith(b"event: error\ndata: {")
    return f"200, {['no', 'one'][len(events) - 1]} chunk, an error event"


def error(case: Case, answer: Answer) -> str:
    """What the error says; it must have the form that its way of travelling asks for."""
    document = answer.body.rpartition(b"event: error\ndata: ")[2].strip() if case.path else answer.body
    told = msgspec.json.decode(document)
    if case.task == "chat_completion":
        assert list(told) == ["error"]
        assert {"code", "message", "type"} <= set(told["error"])
        return str(told["error"]["message"])
    assert list(told) == ["error", "status"]
    return str(told["error"]["reason"])


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_client_gets_what_the_table_says(case: Case, everything: Everything) -> None:
    outcome = everything.outcomes[case.name]
    assert gets(case, outcome) == case.expected, outcome.answer.body[-300:]
    assert API_KEY.encode() not in outcome.answer.body
    if case.expected.startswith("200") and "error" not in case.expected:
        assert b'"one two"' in outcome.answer.body or b"-1.5" in outcome.answer.body or case.path
        return
    assert case.fault.told in error(case, outcome.answer)


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_of_it_is_a_bug_a_secret_or_left_behind(client: str, everything: Everything) -> None:
    log = everything.logs[client]
    assert API_KEY not in log
    assert [line for line in log.splitlines() if '"request"' not in line] == []
    assert everything.connections[client]["leased"] == 0


def test_the_table_in_the_documentation_is_this_one() -> None:
    page = Path("docs/behavior.md").read_text()
    for fault in FAULTS:
        assert f"| {fault.provider} | {fault.gets} | {fault.stream_gets} |\n" in page, fault.provider
    table = page.partition("| the provider | one answer | a stream |\n| --- | --- | --- |\n")[2].partition("\n\n")[0]
    assert len(table.splitlines()) == len(FAULTS)
