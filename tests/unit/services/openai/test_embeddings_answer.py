"""The upstream's answer: read in one go or in steps it is the same, and embeddings are told apart by their index."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.services.openai import embeddings_answer as module
from inferd.services.openai.embeddings_answer import Answer, read, read_in_steps

EMBEDDINGS = st.one_of(st.lists(st.floats(allow_nan=False, allow_infinity=False)), st.text(), st.integers(), st.none())
ITEMS = st.fixed_dictionaries(
    {"embedding": EMBEDDINGS}, optional={"index": st.integers(0, 3), "embeddings": EMBEDDINGS, "object": st.text()}
)


def plain(embedding: bytes | msgspec.Raw) -> bytes:
    """An embedding as JSON, the same whether it was decoded or not."""
    if not isinstance(embedding, msgspec.Raw):
        return msgspec.json.encode(embedding)
    try:
        return msgspec.json.encode(msgspec.json.decode(embedding, type=bytes))
    except ValueError:
        return bytes(embedding)


def texts(answer: Answer[bytes | msgspec.Raw]) -> list[tuple[bytes, int | None]]:
    return [(plain(item.embedding), item.index) for item in answer.data]


def outcome(raw: bytes, decode: Callable[[bytes], Answer[bytes | msgspec.Raw]]) -> Any:
    try:
        answer = decode(raw)
    except ValueError as problem:
        return str(problem)
    return texts(answer), answer.usage


whole = msgspec.json.Decoder(Answer[msgspec.Raw]).decode


@given(st.lists(ITEMS), st.none() | st.dictionaries(st.sampled_from(["embedding", "total_tokens"]), EMBEDDINGS))
def test_in_steps_it_is_the_same(items: list[dict[str, Any]], usage: dict[str, Any] | None) -> None:
    raw = msgspec.json.encode({"object": "list", "data": items, "model": '"embedding":[', "usage": usage})
    assert outcome(raw, read_in_steps) == outcome(raw, whole)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"data":[{"embedding" :\n[1,  2.50], "index":0},{"embedding":"AAAA"}]}',
        rb'{"data":[{"embedding":"AA\/\u002b"}]}',
        rb'{"data":[{"embedding":"\""}]}',
        b'{"data":[{"embedding":[[1],[2]]}]}',
        b'{"data":[{"embedding":0},{"embedding":[1]}]}',
        b'{"data":[{"embedding":0}],"usage":{"embedding":[1]}}',
        b'{"data":[{"embedding":[1],"embedding":[2]}]}',
        b'{"data":[],"more":{"embedding":[1]}}',
        b'{"data":[{"embedding":[1,,2]}]}',
        b'{"data":[{"embedding":[1}]}',
        b'{"data":[{"embedding":"AAAA}]}',
        b'{"data":[{"embedding":[1],"index":"0"}]}',
        b'{"data":[{"embedding":[1]}',
        b'{"data":[{}]}',
        b"",
    ],
)
def test_so_it_is_where_it_is_written_in_another_way_or_broken(raw: bytes) -> None:
    assert outcome(raw, read_in_steps) == outcome(raw, whole)


class Outlines:
    """In place of the decoder of whole answers: takes those without their embeddings only."""

    @staticmethod
    def decode(raw: bytes) -> Answer[msgspec.Raw]:
        assert len(raw) < 80
        return whole(raw)


def test_the_usual_long_answer_is_never_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER", Outlines)
    # Short ones in the places of the embeddings.
    monkeypatch.setattr(module, "getrandbits", lambda bits: 0)
    items = b'{"index":1,"embedding":[1%b]},{"embedding":"AA==","index":0}' % (b",1" * 50)
    answer = read_in_steps(b'{"data":[%b],"usage":{"a":1}}' % items)
    assert answer.embeddings(2) == [b"\0", msgspec.Raw(b"[1%b]" % (b",1" * 50))]
    assert answer.usage == {"a": 1}


@given(st.lists(st.tuples(st.binary(), st.none() | st.integers(0, 3)), min_size=1))
def test_base64_is_decoded_as_it_is_read(items: list[tuple[bytes, int | None]]) -> None:
    data = [{"index": index, "embedding": embedding} for embedding, index in items]
    answer = read(msgspec.json.encode({"object": "list", "data": data, "usage": {"total_tokens": 1}}))
    assert [(item.embedding, item.index) for item in answer.data] == items
    assert answer.usage == {"total_tokens": 1}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"data":[{"embedding":[1,  2.50], "index":0}]}',
        b'{"data":[{"embedding":"AAAA"},{"embedding":[1]}]}',
        b'{"data":[{"embedding":"AAA"}]}',
        b'{"data":[{"embedding":null}]}',
        b'{"data":[{"embedding":"AAAA","index":"0"}]}',
        b'{"data":[{"embedding":"AAAA"}',
        b'{"data":[{}]}',
    ],
)
def test_anything_else_is_left_as_it_came(raw: bytes) -> None:
    assert outcome(raw, read) == outcome(raw, whole)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('[{"embedding":1}]', "the number of embedding responses [1] does not equal the number of requests [2]"),
        ('[{"embedding":1,"index":1},{"embedding":1}]', "the index members of the embeddings do not number them"),
        ('[{"embedding":1,"index":1},{"embedding":1,"index":1}]', "the index members of the embeddings do not number"),
    ],
)
def test_each_text_must_have_its_own(data: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:
        read(b'{"data":%b}' % data.encode()).embeddings(2)
    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(
    "data",
    [
        b'[{"embedding":1},{"embedding":2}]',
        b'[{"embedding":1,"index":0},{"embedding":2,"index":1}]',
        b'[{"embedding":2,"index":1},{"embedding":1,"index":0}]',
    ],
)
def test_they_are_in_the_order_of_the_texts(data: bytes) -> None:
    assert read(b'{"data":%b}' % data).embeddings(2) == [msgspec.Raw(b"1"), msgspec.Raw(b"2")]
