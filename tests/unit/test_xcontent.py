"""JSON as XContent reads it: places, duplicates, Java's way of printing."""

from contextlib import nullcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import MalformedContent, TruncatedContent
from inferd.xcontent import (
    ANY,
    MAX_DEPTH,
    decoder_of,
    java_class,
    java_text,
    malformed,
    parse_object,
    path_in,
    place_at,
    place_of,
    refuse_deep,
    refuse_duplicates,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


DEEP = "Document nesting depth (101) exceeds the maximum allowed (100)"


def refusal(raw: bytes) -> str:
    with pytest.raises((MalformedContent, TruncatedContent)) as caught:
        parse_object(raw)
    return caught.value.reason


@given(st.dictionaries(st.text(), JSON))
def test_any_object_comes_back(document: dict[str, object]) -> None:
    assert parse_object(msgspec.json.encode(document)) == document


@given(JSON, st.sampled_from([0, 2]))
def test_every_value_is_found_where_it_stands(document: object, indent: int) -> None:
    raw = msgspec.json.format(msgspec.json.encode(document), indent=indent)

    def check(value: object, path: tuple[str | int, ...]) -> None:
        place = place_of(raw, path)
        line = raw.split(b"\n")[place.line - 1].decode()
        rest = "\n".join([line[place.column - 1 :], *raw.decode().split("\n")[place.line :]])
        begins = msgspec.json.encode(value).decode()[:1]
        assert rest.startswith(begins)
        items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
        for step, item in items:
            check(item, (*path, step))

    check(document, ())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[]", "[1:1] Failed to parse object: expecting token of type [START_OBJECT]"),
        (b'  "a"', "[1:3] Failed to parse object: expecting token of type [START_OBJECT]"),
        (b'{"a":1,\n "a":2}', "[2:2] Duplicate field 'a'"),
        (b'\n {"a":1,"a":2}', "[2:9] Duplicate field 'a'"),
        (b'{"b":[{"a":1},{"a":1,"x":{},"a":2}]}', "[1:29] Duplicate field 'a'"),
        (b'{"\\u0061":1,"a":2}', "[1:13] Duplicate field 'a'"),
        (b'{"a":{"":":","":[]}}', "[1:14] Duplicate field ''"),
        (b'{"a":tru}', "[1:6] Invalid character"),
        (b'{"a":1} x', "[1:9] Trailing characters"),
        (b"{\n  a:1}", "[2:3] Object keys must be strings"),
        (b'{"a":1', "[1:7] Unexpected end-of-input"),
        (b'{"a":["1e999",1e99,\n-1e999]}', "[2:1] Number out of range"),
        (b'{"a":-x,"b":1e999}', "[1:6] Invalid character"),
        (b'{"a":"\xff"}', "[1:7] Invalid UTF-8 byte 0xff"),
        (b'{"a":NaN,"b":"\\ud800"}', "[1:6] Invalid character"),
        (b'{"NaN":"NaN",\n"b":-Infinity}', "[2:5] Invalid character"),
        (b'{\x00"a":1}', "[1:2] Object keys must be strings"),
        (b'{"a":x,"b":"\xff"}', "[1:6] Invalid character"),
        (b'{"a":' * 100_000, f"[1:501] {DEEP}"),
        (b"[" * 50 + b'"]]\\"]",{"a":' + b"[" * 50, f"[1:113] {DEEP}"),
    ],
)
def test_what_is_wrong_and_where(raw: bytes, reason: str) -> None:
    assert refusal(raw) == reason


def test_a_key_may_come_again_in_another_object() -> None:
    assert parse_object(b'{"a":{"a":1},"b":{"a":1}}') == {"a": {"a": 1}, "b": {"a": 1}}


@given(st.lists(st.sampled_from(["a", "b", ":", "\\u0061"]), max_size=4), st.booleans())
def test_no_key_twice_goes_unseen(names: list[str], nested: bool) -> None:
    raw = b"{%b}" % b",".join(b'"%b":":"' % name.encode() for name in names)
    twice = len({name.replace("\\u0061", "a") for name in names}) < len(names)
    with pytest.raises(MalformedContent, match="Duplicate field") if twice else nullcontext():
        refuse_duplicates(b"[%b]" % raw if nested else raw)


def test_numbers_of_any_length_are_only_counted_when_looking_for_duplicates() -> None:
    refuse_duplicates(b'{"a":' + b"9" * 10_000 + b"}")


def test_what_is_as_deep_as_may_be_can_be_read_printed_and_sent_on() -> None:
    raw = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    document = parse_object(raw)
    assert msgspec.json.encode(document) == raw
    assert java_text(document) == "{a=" * MAX_DEPTH + "1" + "}" * MAX_DEPTH


@pytest.mark.parametrize(
    "raw", [b"[]" * 200, b'["' + b"[" * 200 + b'"]', b'["' + b"[" * 200, b'{"' + b"\\[" * 200 + b'":1}']
)
def test_brackets_beside_each_other_or_in_texts_are_not_deep(raw: bytes) -> None:
    refuse_deep(raw)


def test_numbers_near_the_end_of_the_range_are_read_as_they_are_and_not_by_msgspec() -> None:
    raw = b'{"a":[1e308,-1.5e-300,1.7976931348623157e308]}'
    assert parse_object(raw) == {"a": [1e308, -1.5e-300, 1.7976931348623157e308]}
    shape = msgspec.defstruct("Body", [("a", list[object]), ("b", float)])
    decoder = decoder_of(shape)
    assert None not in (ANY.float_hook, decoder.float_hook)
    assert decoder.decode(b'{"a":[1e308,1],"b":1e308}') == shape([1e308, 1], 1e308)
    with pytest.raises(msgspec.ValidationError, match="Number out of range"):
        decoder.decode(b'{"a":[-1e309],"b":1}')


def test_a_problem_without_a_place_is_told_at_the_start() -> None:
    assert malformed(b"{}", ValueError("odd")).reason == "[1:1] Odd"
    assert malformed(b"1" * 5000, ValueError("odd")).reason == "[1:1] Odd"
    problem = UnicodeDecodeError("utf-8", b"", 0, 1, "")
    assert malformed(b"{}", problem).reason == "[1:1] Invalid UTF-8 byte 0x7b"


def test_a_column_counts_characters_not_bytes() -> None:
    assert str(place_at("{\n\"é\": x".encode(), 8)) == "[2:6]"


def test_a_path_that_is_not_there_is_the_whole_document() -> None:
    assert place_of(b'\n {"a":1}', ("b",)) == (2, 2)


def test_a_key_has_a_place_of_its_own() -> None:
    assert str(place_of(b'{"a":1,\n  "b":2}', ("b",), key=True)) == "[2:3]"
    assert str(place_of(b'{"a":1,\n  "b":2}', ("b",))) == "[2:7]"


def test_half_a_surrogate_pair_is_not_taken_for_an_early_end() -> None:
    for raw, reason in (
        (rb'{"a":"x\ud800"}', "[1:8] Escape of half a surrogate pair"),
        (rb'{"a":"\\ud83d\ude00 \ud83d\ude00 \udc00"}', "[1:14] Escape of half a surrogate pair"),
    ):
        with pytest.raises(MalformedContent) as raised:
            parse_object(raw)
        assert raised.value.reason == reason
    with pytest.raises(TruncatedContent):
        parse_object(rb'{"a":"\ud83d')


def test_what_msgspec_says_and_about_which_path() -> None:
    def problem(raw: bytes, kind: object) -> msgspec.ValidationError:
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.json.decode(raw, type=kind)
        return caught.value

    assert path_in(problem(b"1", str)) == ("Expected `str`, got `int`", ())
    nested = problem(b'[1,[2,"x"]]', tuple[int, list[int]])
    assert path_in(nested) == ("Expected `int`, got `str`", (1, 1))
    named = problem(b'[{"a":"x"}]', list[msgspec.defstruct("S", [("a", int)])])  # type: ignore[misc]  # a run-time type
    assert path_in(named) == ("Expected `int`, got `str`", (0, "a"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": ["x", None]}, "{a=1, b=[x, null]}"),
        (True, "true"),
        (False, "false"),
        (0.0, "0.0"),
        (1.5, "1.5"),
        (-250.0, "-250.0"),
        (1e10, "1.0E10"),
        (-1.25e-5, "-1.25E-5"),
        (1234567.0, "1234567.0"),
        (12345678.0, "1.2345678E7"),
        (1e22, "1.0E22"),
        (0.001, "0.001"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_values_print_as_java_prints_them(value: object, text: str) -> None:
    assert java_text(value) == text


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "Integer"),
        (2**31, "Long"),
        (2**63, "BigInteger"),
        (True, "Boolean"),
        (1.0, "Double"),
        ("", "String"),
        ({}, "LinkedHashMap"),
        ([], "ArrayList"),
        (None, "null"),
    ],
)
def test_values_have_the_class_java_would_give_them(value: object, name: str) -> None:
    assert java_class(value) == name
