"""The upstream's answer: read in one go or in steps it is the same, and embeddings are told apart by their index."""

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


def texts(answer: Answer) -> list[tuple[bytes, int | None]]:
    return [(bytes(item.embedding), item.index) for item in answer.data]


def outcome(raw: bytes, *, steps: bool) -> Any:
    try:
        answer = read_in_steps(raw) if steps else read(raw)
    except ValueError as problem:
        return str(problem)
    return texts(answer), answer.usage


@given(st.lists(ITEMS), st.none() | st.dictionaries(st.sampled_from(["embedding", "total_tokens"]), EMBEDDINGS))
def test_in_steps_it_is_the_same(items: list[dict[str, Any]], usage: dict[str, Any] | None) -> None:
    raw = msgspec.json.encode({"object": "list", "data": items, "model": '"embedding":[', "usage": usage})
    assert outcome(raw, steps=True) == outcome(raw, steps=False)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"data":[{"embedding" :\n[1,  2.50], "index":0},{"embedding":"AAAA"}]}',
        rb'{"data":[{"embedding":"AA\/\u002b"}]}',
        rb'{"data":[{"embedding":"\""}]}',
        b'{"data":[{"embedding":[[1],[2]]}]}',
        b'{"data":[{"embedding":0},{"embedding":[1]}]}',
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
    assert outcome(raw, steps=True) == outcome(raw, steps=False)


def test_the_usual_answer_is_never_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module, "read")
    answer = read_in_steps(b'{"data":[{"index":1,"embedding":[1]},{"embedding":"AA==","index":0}],"usage":{"a":1}}')
    assert (texts(answer), answer.usage) == ([(b"[1]", 1), (b'"AA=="', 0)], {"a": 1})
    assert list(map(bytes, answer.embeddings(2))) == [b'"AA=="', b"[1]"]


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
    assert read(b'{"data":[{"embedding":1},{"embedding":2}]}').embeddings(2) == [msgspec.Raw(b"1"), msgspec.Raw(b"2")]
