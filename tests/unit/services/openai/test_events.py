"""Streams read to their end, whichever it is: whole, cut, broken, with an error inside, or not readable at all."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd import sse
from inferd.errors import Failure, UpstreamRefusal, chat_envelope
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Call
from inferd.services import Tools
from inferd.services.openai import events as module
from inferd.services.openai.events import EventReader
from inferd.upstream.client import Broken
from inferd.upstream.stream import Stream
from tests.unit.services.openai.endpoints import call
from tests.unit.services.openai.readers import TOLD, Numbers, Pieces, reader_of
from tests.unit.services.openai.streams import Read, read
from tests.unit.services.openai.upstream import events


class Sizes(EventReader[dict[str, int], int]):
    """Each event is an object, and told by its size; how many were read at once is noted."""

    decoder = msgspec.json.Decoder(dict[str, int])

    def __init__(self, call: Call, stream: Stream) -> None:
        super().__init__(call, stream)
        self.counts: list[int] = []

    def items(self, chunks: list[dict[str, int]]) -> list[int]:
        self.counts.append(len(chunks))
        return list(map(len, chunks))


def ended_badly(outcome: Read, cause: str) -> None:
    assert isinstance(outcome.failure, UpstreamRefusal)
    assert outcome.failure.reason == f"{TOLD}. Error message: [{cause}]"
    assert (outcome.failure.status, outcome.failure.code) == (502, "stream_error")


async def test_what_came_together_is_handed_on_together(tools: Tools) -> None:
    outcome = await read(tools, Numbers, events(b"[1]", b"[2,3]"), events(b"[4]"), events(b"[0]", b"[DONE]"))
    assert outcome.batches == [[1, 2, 3], [4]]
    assert outcome.failure is None


async def test_it_need_not_be_started(tools: Tools) -> None:
    assert (await read(tools, Numbers, events(b"[1]", b"[DONE]"), start=False)).batches == [[1]]


async def test_events_that_hold_nothing_give_no_batch(tools: Tools) -> None:
    outcome = await read(tools, Numbers, b": hello\n\n", events(b"[0]"), b"", events(b"[9]"))
    assert (outcome.batches, outcome.failure) == ([], None)


@pytest.mark.parametrize(
    "pieces",
    [
        [events(b"[1]", b"[0]", b"[DONE]")],
        [events(b"[1]", b"[DONE]")],
        [events(b"[1]", b"[done]")],
        [events(b"[1]", b"[DONE] ")],
        [events(b"[1]", b"[0]")],
        [events(b"[1]"), events(b"[0]"), Broken("the answer broke off")],
        [b"\xef\xbb\xbf", events(b"[1]", b"[0]")],
        [b"event: message\nid: 7\nretry: 10\ndata: [1]\n\n", events(b"[DONE]")],
        [b"event: chunk\r\ndata: [1]\r\n\r\n", events(b"[DONE]")],
        [b": OPENROUTER PROCESSING\n\n: ping\n", events(b"[1]", b"[DONE]")],
        [b"event:\n\ndata:[1]\n\n", events(b"[DONE]")],
        [events(b"[1]", b"[DONE]", b"what follows is nobody's")],
    ],
)
async def test_a_stream_is_whole_with_done_or_a_finish(tools: Tools, pieces: list[bytes]) -> None:
    outcome = await read(tools, Numbers, *pieces)
    assert (outcome.items, outcome.failure) == ([1], None)


@pytest.mark.parametrize("pieces", [[], [events(b"[1]")], [events(b"[1]"), b"data: [0]"]])
async def test_an_end_with_neither_is_an_error(tools: Tools, pieces: list[bytes]) -> None:
    outcome = await read(tools, Numbers, *pieces)
    assert outcome.items == [1] * bool(pieces)
    ended_badly(outcome, "the stream ended before its answer did")


async def test_a_body_that_breaks_off_before_the_finish_is_told_after_what_came(tools: Tools) -> None:
    outcome = await read(tools, Numbers, events(b"[1]"), Broken("the answer broke off"))
    assert outcome.items == [1]
    assert outcome.failure is not None
    assert outcome.failure.reason == "Failed to send OpenAI chat completions request. Cause: the answer broke off"


async def test_an_event_without_end_is_an_error(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Decoder", lambda: sse.Decoder(limit=100))
    outcome = await read(tools, Numbers, events(b"[1]"), b"data: " + b"1" * 200, b"1", b"1")
    assert outcome.items == [1]
    ended_badly(outcome, "an event of the stream is too large")


@pytest.mark.parametrize(
    "data",
    [b"[1] [2]", b"[1][2]", b"[1]\n[2]", b" [1]\n\n\t[2] "],
)
async def test_an_event_may_hold_several_documents(tools: Tools, data: bytes) -> None:
    lines = b"".join(b"data: %b\n" % line for line in data.split(b"\n"))
    outcome = await read(tools, Numbers, lines + b"\n", events(b"[DONE]"))
    assert (outcome.batches, outcome.failure) == ([[1, 2]], None)


async def test_an_event_of_very_many_documents_is_none(tools: Tools) -> None:
    outcome = await read(tools, Numbers, events(b"[1]" * module.MOST_DOCUMENTS), events(b"[2]" * 400_000))
    assert outcome.items == [1] * module.MOST_DOCUMENTS
    assert isinstance(outcome.failure, UpstreamRefusal)


async def test_an_error_behind_a_document_is_told_after_it(tools: Tools) -> None:
    outcome = await read(tools, Numbers, events(b'[1] {"error":{"message":"m","type":"t"}} [2]'))
    assert outcome.items == [1]
    assert outcome.failure is not None and outcome.failure.reason == f"{TOLD}. Error message: [m]"


@pytest.mark.parametrize(
    "data", [b"nonsense", b'{"a":1}', b"[1", b"[1] nonsense", b"\xff", b"[" * 20_000, b'{"error":"' + b"\xff" + b'"}']
)
async def test_what_cannot_be_read_is_an_error_after_all_that_came_before(tools: Tools, data: bytes) -> None:
    outcome = await read(tools, Numbers, events(b"[1]") + events(data) + events(b"[2]", b"[DONE]"))
    assert outcome.items == [1]
    assert isinstance(outcome.failure, UpstreamRefusal)
    assert chat_envelope(outcome.failure) == {
        "error": {"code": "stream_error", "message": TOLD, "type": "UnifiedChatCompletionErrorResponse"}
    }


@pytest.mark.parametrize("name", [b"", b"event: error\n", b"event: message\n"])
@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (
            b'{"error":{"message":"m","type":"server_error","param":"p","code":"c"}}',
            502,
            {"code": "c", "message": f"{TOLD}. Error message: [m]", "param": "p", "type": "server_error"},
        ),
        (
            b'{"error":{"message":"m","type":"BadRequestError","code":400}}',
            400,
            {"code": "400", "message": f"{TOLD}. Error message: [m]", "type": "BadRequestError"},
        ),
        (
            b'{"error":{"message":"m","type":"server_error","code":500}}',
            502,
            {"code": "500", "message": f"{TOLD}. Error message: [m]", "type": "server_error"},
        ),
        (
            b'{"object":"error","message":"m","type":"NotFoundError","param":null,"code":404}',
            404,
            {"code": "404", "message": f"{TOLD}. Error message: [m]", "type": "NotFoundError"},
        ),
        (
            b'{"error":{"message":"m","code":503}}',
            503,
            {
                "code": "service_unavailable",
                "message": f"{TOLD}. Error message: [m]",
                "type": "UnifiedChatCompletionErrorResponse",
            },
        ),
        (
            b'{"error":"m"}',
            502,
            {
                "code": "bad_gateway",
                "message": f"{TOLD}. Error message: [m]",
                "type": "UnifiedChatCompletionErrorResponse",
            },
        ),
    ],
)
async def test_an_error_of_the_upstream_is_told_in_its_words(
    tools: Tools, name: bytes, error: bytes, status: int, told: dict[str, str]
) -> None:
    outcome = await read(tools, Numbers, name + events(error))
    assert outcome.failure is not None
    assert list(chat_envelope(outcome.failure)["error"].items()) == list(told.items())
    assert outcome.failure.status == status


async def test_an_error_event_that_reads_like_data_is_an_error(tools: Tools) -> None:
    outcome = await read(tools, Numbers, b"event: error\ndata: [1]\n\n")
    assert (outcome.items, outcome.failure is None) == ([], False)


async def test_a_secret_in_an_error_is_masked(tools: Tools) -> None:
    outcome = await read(tools, Numbers, events(b'{"error":{"message":"wrong sk-secret","type":"t"}}'))
    assert outcome.failure is not None and outcome.failure.reason.endswith("[wrong ***]")


async def test_a_failure_stays_the_end() -> None:
    pieces = Pieces([], Failure("gone"))
    numbers = reader_of(pieces)
    for _ in range(2):
        with pytest.raises(Failure, match="gone"):
            await anext(numbers)
    assert pieces.reads == 1


async def test_only_events_end_a_silence() -> None:
    pieces = Pieces([events(b"[]"), b": ping\n\n", b"data: [1]", b"\n\n" + events(b"[2]"), events(b"[DONE]")])
    assert [batch async for batch in reader_of(pieces)] == [[1, 2]]
    assert sorted(set(pieces.sounds)) == [1, 4, 5]


async def test_plain_events_are_read_at_once_up_to_done() -> None:
    one = b'{"a":1}'
    pieces = Pieces([events(one), events(b"{}", one), events(one, b"[DONE]"), events(one)])
    sizes = sizes_of(pieces)
    assert [batch async for batch in sizes] == [[1], [0, 1], [1]]
    assert (sizes.counts, pieces.sounds) == ([1, 2, 1], [1, 2, 3])


async def test_what_cannot_be_read_at_once_is_read_one_by_one() -> None:
    sizes = sizes_of(Pieces([events(b"{}", b'{"a":2}{}', b"[DONE]")]))
    assert [batch async for batch in sizes] == [[0, 1, 0]]
    assert sizes.counts == [1, 1, 1]


def sizes_of(pieces: Pieces) -> Sizes:
    stream: Stream = pieces  # type: ignore[assignment]  # it has the methods a reader uses
    return Sizes(call(TaskType.COMPLETION), stream)


def test_a_reader_must_say_what_an_event_holds() -> None:
    with pytest.raises(NotImplementedError):
        EventReader.items(None, [])  # type: ignore[arg-type]  # no reader is needed to be told so


@given(st.lists(st.lists(st.integers(0, 9)), max_size=8), st.data())
async def test_however_the_bytes_are_cut_the_same_items_come(numbers: list[list[int]], data: st.DataObject) -> None:
    whole = events(*map(msgspec.json.encode, numbers), b"[DONE]")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1))))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    got = [item async for batch in reader_of(Pieces(pieces)) for item in batch]
    assert got == [number for line in numbers for number in line if number]


async def test_it_knows_whether_it_was_read_to_its_end() -> None:
    numbers = reader_of(Pieces([events(b"[1]"), events(b"[DONE]")]))
    await numbers.start()
    assert not numbers.ended
    assert [batch async for batch in numbers] == [[1]] and numbers.ended
