"""Long bodies: read apart they are what they are read whole, or are refused in the very same words."""

import threading
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inferd.aside import Aside
from inferd.errors import Failure, IllegalArgument, RequestInvalid
from inferd.rest import long_body
from inferd.rest.long_body import checked
from inferd.rest.shape import decode

LONG = "one two " * 40_000


class Body(msgspec.Struct, forbid_unknown_fields=True):
    input: list[str] | str
    more: Any = None


class Asked(msgspec.Struct):
    input: list[str]
    more: Any
    thread: str


DECODER = msgspec.json.Decoder(Body)


def check(raw: bytes) -> Asked:
    body = decode(raw, DECODER, "test")
    if body.more == "wrong":
        raise IllegalArgument(f"wrong in {len(raw)} bytes")
    texts = [body.input] if isinstance(body.input, str) else body.input
    return Asked(texts, body.more, threading.current_thread().name)


@pytest.fixture
async def aside() -> AsyncIterator[Aside]:
    aside = Aside()
    yield aside
    aside.close()


@pytest.mark.parametrize("between", [",", ", "])
async def test_no_more_texts_than_a_loop_can_bear(aside: Aside, between: str) -> None:
    most = '{"input":[%s],"more":1}' % between.join(['"a"'] * long_body.MOST_TEXTS)
    assert len((await checked(aside, most.encode(), check)).input) == long_body.MOST_TEXTS
    with pytest.raises(RequestInvalid, match=r"Field \[input\] cannot have more than \[100000\] texts"):
        await checked(aside, most.replace("[", f'["a"{between}', 1).encode(), check)


async def test_a_text_may_look_like_as_many(aside: Aside) -> None:
    text = '","", "' * long_body.MOST_TEXTS
    assert (await checked(aside, msgspec.json.encode({"input": [text]}), check)).input == [text]


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (LONG, [LONG]),
        ([LONG, "", "é"], [LONG, "", "é"]),
        (["a"] * 100_000, ["a"] * 100_000),
        ("今天😀" * 100_000, ["今天😀" * 100_000]),
    ],
)
@pytest.mark.parametrize("before", ["", '"more": {"input": [1]}, '])
@pytest.mark.parametrize("escaped", [False, True])
async def test_a_long_body_is_read_aside(
    aside: Aside, given: Any, texts: list[str], before: str, escaped: bool
) -> None:
    text = msgspec.json.encode(given).decode()
    if escaped:
        text = "".join(c if ord(c) < 128 else _escaped(c) for c in text)
    asked = await checked(aside, f'{{{before}\n"input" : {text}  }}'.encode(), check)
    assert asked.input == texts
    assert asked.more == ({"input": [1]} if before else None)
    assert asked.thread.startswith("inferd-aside")


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


LITERAL = msgspec.json.encode(LONG)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"input":%b,"more":"wrong"}' % LITERAL,
        b'{"input":%b,"mor":1}' % LITERAL,
        b'{"input":%b,"input":"b"}' % LITERAL,
        b'{"input":"b","input":%b}' % LITERAL,
        b'{"input":%b,"input":%b}' % (LITERAL, LITERAL),
        b'{"input":[%b,1]}' % LITERAL,
        b'{"input":[%b,null]}' % LITERAL,
        b'{"input":{"a":%b}}' % LITERAL,
        b'{"more":%b}' % LITERAL,
        b'{"input":%b' % LITERAL,
        b'{"input":"%b\xff%b"}' % (LITERAL[1:-1], LITERAL[1:-1]),
        b'{"input":"%b\\ud800"}' % LITERAL[1:-1],
        b'{"input":"%b\\q"}' % LITERAL[1:-1],
        b"[%b]" % LITERAL,
        b'{"input":' + b"[" * 300_000,
        b'{"more":' + b"[" * 300_000,
    ],
)
async def test_what_is_wrong_with_a_long_body_is_told_as_of_a_short_one(aside: Aside, raw: bytes) -> None:
    with pytest.raises(Failure) as expected:
        check(raw)
    with pytest.raises(Failure) as caught:
        await checked(aside, raw, check)
    assert (caught.type, caught.value.reason) == (expected.type, expected.value.reason)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"input":"a","more":%b}' % LITERAL,
        b'{"input":[%b]}' % (b" " * 300_000),
        b'{"more":["%b"],"input":"%b%b"}' % (b"a" * 1_000, b"a" * 100, b"b" * 300_000),
        b'{"more":["%b"],"input":"%b%b"}' % (b'","'.join([b"a" * 100] * 9), b"a" * 100, b"b" * 300_000),
    ],
)
async def test_what_cannot_be_taken_apart_is_read_whole(aside: Aside, raw: bytes) -> None:
    asked, plain = await checked(aside, raw, check), check(raw)
    assert (asked.input, asked.more) == (plain.input, plain.more)


PIECES = st.lists(
    st.sampled_from(
        ["a", "z", " ", "0", "é", "今", "😀", "\\\\", '\\"', "\\n", "\\u00e9", "\\ud83d\\ude00", "\\uD83D\\uDE00", "u"]
    ),
    max_size=30,
).map("".join)


@given(text=PIECES, step=st.integers(1, 8))
@example("\\\\" * 9 + "n", 1)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_a_text_is_the_same_whatever_the_steps(text: str, step: int) -> None:
    literal = f'"{text}"'.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_body, "_STEP", step)
        assert long_body._text(literal) == msgspec.json.decode(literal)
