"""One request as a handler sees it."""

import asyncio
from unittest.mock import Mock

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from inferd.errors import BodyMissing, IllegalArgument, StatusFailure
from inferd.rest.answer import Answer
from inferd.rest.http import Head, Http
from inferd.rest.request import (
    LONGEST_TIMEOUT,
    MAX_OPAQUE,
    MOST_GUESSES,
    Request,
    arrived,
    asked_of,
    opaque_id,
    trace_context,
)
from inferd.rest.routing import Match, Route
from inferd.schema.endpoint import TaskType
from tests.served import Served
from tests.unit.rest.serving import NoConnection, unsent


async def _never(request: Request) -> Answer:
    raise AssertionError


def asked(inferd: Served, path: str, parameters: tuple[str, ...] = ("timeout",), **values: str) -> Request:
    http = unsent("GET", path)
    match = Match(Route("GET", "/x", _never, parameters), values)
    return arrived(http, asked_of(http.head, match), inferd.parts)


async def test_the_path_names_endpoint_and_task(inferd: Served) -> None:
    for request, found in (
        (asked(inferd, "/x", id="e", task_type=" Completion"), ("e", TaskType.COMPLETION)),
        (asked(inferd, "/x", id="e", task_type="completion"), ("e", TaskType.COMPLETION)),
        (asked(inferd, "/x"), ("", TaskType.ANY)),
    ):
        request.asked.check_path()
        assert (request.inference_id, request.task_type) == found
    with pytest.raises(StatusFailure, match=r"Unknown task_type \[Foo\]"):
        asked(inferd, "/x", task_type="Foo").asked.check_path()


async def test_likely_names_are_looked_for_as_often_as_somebody_may_mistype(inferd: Served) -> None:
    request = asked(inferd, "/x?" + "&".join(f"pretti{at:02}" for at in range(MOST_GUESSES + 2)))
    with pytest.raises(IllegalArgument) as raised:
        request.check_parameters()
    reason = raised.value.reason
    assert reason.count("did you mean [pretty]?") == MOST_GUESSES
    assert reason.endswith(f"[pretti{MOST_GUESSES}], [pretti{MOST_GUESSES + 1}]")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", None),
        ("timeout=1s&pretty&human=true&error_trace=false&filter_path=a&format=json", None),
        ("foo", "request [/x] contains unrecognized parameter: [foo]"),
        ("timeot=1&foo=2", "request [/x] contains unrecognized parameters: [foo], "
                           "[timeot] -> did you mean [timeout]?"),
        ("human=1", "Failed to parse value [1] as only [true] or [false] are allowed."),
        ("foo&timeout=1.5s", "failed to parse [1.5s], fractional time values are not supported"),
        ("master_timeout=x", "request [/x] contains unrecognized parameter: [master_timeout]"),
    ],
)  # fmt: skip
async def test_parameters_are_known_or_refused(inferd: Served, query: str, reason: str | None) -> None:
    request = asked(inferd, f"/x?{query}" if query else "/x")
    if reason is None:
        request.check_parameters()
        return
    with pytest.raises(IllegalArgument) as raised:
        request.check_parameters()
    assert raised.value.reason == reason


async def test_of_a_repeated_parameter_the_last_counts(inferd: Served) -> None:
    request = asked(inferd, "/x?timeout=1s&timeout=2s&force=false&force")
    assert (request.timeout(), request.flag("force")) == (2.0, True)
    assert (request.query("timeout"), request.query("none"), request.flag("none")) == ("2s", None, False)
    with pytest.raises(IllegalArgument):
        asked(inferd, "/x?force=no").flag("force")


@pytest.mark.parametrize(
    ("query", "task_type", "seconds", "text"),
    [
        ("", TaskType.TEXT_EMBEDDING, 30, "30s"),
        ("", TaskType.COMPLETION, 120, "2m"),
        ("?timeout=0", TaskType.CHAT_COMPLETION, 120, "2m"),
        ("?timeout=1500ms", TaskType.COMPLETION, 1.5, "1.5s"),
        ("?timeout=30d", TaskType.COMPLETION, LONGEST_TIMEOUT, "30d"),
    ],
)
async def test_the_time_of_a_request(
    inferd: Served, query: str, task_type: TaskType, seconds: float, text: str
) -> None:
    now = asyncio.get_running_loop().time()
    deadline = asked(inferd, f"/x{query}").deadline(task_type)
    assert deadline.text == text
    assert seconds <= deadline.at - now < seconds + 5


async def test_what_a_service_is_called_with(inferd: Served) -> None:
    await inferd.put("e", "completion")
    traced = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    request = asked(inferd, "/x", id="e")
    assert request.call(inferd.parts.store.get("e")).traceparent is None
    call = request.call(inferd.parts.store.get("e"))
    assert (call.inference_id, call.secrets["api_key"], call.trace) == ("e", "sk-0123456789abcdef", request.trace)
    assert request.trace.task_type is TaskType.COMPLETION
    assert trace_context(traced) == traced
    for odd in (None, "", traced + "-x", traced.replace("a", "0"), traced.replace("00-", "ff-")):
        assert trace_context(odd) is None


async def test_a_request_is_cut_once(inferd: Served) -> None:
    failure = StatusFailure("over", 503)
    told = []

    async def served() -> None:
        request = asked(inferd, "/x")
        asyncio.get_running_loop().call_soon(request.cut, failure)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.extend([request.take_cut(), request.take_cut()])

    task = asyncio.create_task(served())
    await task
    assert told == [failure, None] and task.cancelling() == 0


async def test_a_request_outside_a_task_is_cut_in_name_only(inferd: Served) -> None:
    made: list[Request] = []
    asyncio.get_running_loop().call_soon(lambda: made.append(asked(inferd, "/x")))
    await asyncio.sleep(0)
    failure = StatusFailure("over", 503)
    made[0].cut(failure)
    assert made[0].take_cut() is failure


async def test_a_body_is_required_refused_or_an_object(inferd: Served) -> None:
    request = asked(inferd, "/x?y=z")
    await request.refuse_body()
    assert await request.raw() == b""
    with pytest.raises(BodyMissing):
        await request.document()
    answer = await inferd.ask("PUT", "/_inference/completion/e", {"service": "x"})
    assert answer.reason == "Unknown service [x]"
    answer = await inferd.ask("GET", "/_inference/_all?human", {})
    assert answer.reason == "request [GET /_inference/_all] does not support having a body"


async def test_a_body_is_at_hand_if_it_came_with_the_head_as_it_was_meant(inferd: Served) -> None:
    def having(body: bytes | None, **headers: str) -> Request:
        head = Head("POST", "/x", CIMultiDictProxy(CIMultiDict(headers)))
        asked = asked_of(head, Match(Route("POST", "/x", _never), {}))
        return arrived(Http(head, body, NoConnection()), asked, inferd.parts)

    most = inferd.parts.config.server.max_body
    assert (having(b"").at_hand(), having(b"{}").at_hand(), having(b"1" * most).at_hand()) == (b"", b"{}", b"1" * most)
    assert having(None).at_hand() is None
    assert having(b"1" * (most + 1)).at_hand() is None
    assert having(b"{}", **{"content-encoding": "identity"}).at_hand() is None


@pytest.mark.parametrize(
    ("name", "taken"),
    [(None, False), ("mine", True), ("a" * MAX_OPAQUE, True), ("a" * (MAX_OPAQUE + 1), False), ("", False),
     ("\u00e9", False), ("a\tb", False)],
)  # fmt: skip
def test_a_client_s_own_name_must_be_fit_for_header_and_log(name: str | None, taken: bool) -> None:
    headers = CIMultiDict({"X-Opaque-ID": name} if name is not None else {})
    assert opaque_id(CIMultiDictProxy(headers)) == (name if taken else None)


async def test_a_printed_request_tells_nothing_of_what_was_sent(inferd: Served) -> None:
    request = asked(inferd, "/x?timeout=secret", id="secret")
    assert (repr(request), repr(request.asked)) == ("<Request GET /x>", "<Asked GET /x>")


async def test_a_client_has_left_once_its_transport_closes(inferd: Served) -> None:
    request = asked(inferd, "/x")
    assert request.client_left()
    transport = request.http.connection.transport = Mock()
    for closing in (True, False):
        transport.is_closing.return_value = closing
        assert request.client_left() is closing
    request.note_first_chunk()
    assert request.trace.first_chunk is not None and 0 <= request.trace.first_chunk <= request.elapsed()
