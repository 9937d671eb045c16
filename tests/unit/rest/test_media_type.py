"""Media types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from inferd.errors import FlatFailure, MediaTypeInvalid
from inferd.rest.media_type import JSON, VENDOR_JSON, answered, asks_for_json, check

NINE = f"{VENDOR_JSON}; compatible-with=9"


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


@pytest.mark.parametrize(
    ("accept", "spoken"),
    [
        (None, JSON),
        ("", JSON),
        (" */* ", JSON),
        ("text/html,application/xml", JSON),
        (JSON, JSON),
        (VENDOR_JSON, VENDOR_JSON),
        (NINE, f"{VENDOR_JSON};compatible-with=9"),
        (f'{VENDOR_JSON};compatible-with="8";', f"{VENDOR_JSON};compatible-with=8"),
        (f"{NINE},text/plain", f"{VENDOR_JSON};compatible-with=9"),
        ("application/vnd.elasticsearch+yaml; compatible-with=9", JSON),
        (f"{VENDOR_JSON};compatible-with=6", JSON),
        ("nonsense", JSON),
    ],
)
def test_the_type_of_the_answer(accept: str | None, spoken: str) -> None:
    assert answered(accept) == spoken


@pytest.mark.parametrize(
    ("accept", "wants"),
    [(None, False), ("*/*", False), (f"{JSON},text/plain", False), ("text/plain", False), (JSON, True), (NINE, True)],
)
def test_who_wants_nothing_but_json(accept: str | None, wants: bool) -> None:
    assert asks_for_json(accept) is wants


@pytest.mark.parametrize(
    ("accept", "cause"),
    [
        ("nonsense", "invalid media-type [nonsense]"),
        ("a/b c", "invalid media-type [a/b c]"),
        ("a/b;c", "invalid parameters for header [a/b;c]"),
        ("a/b;c=d=e", "invalid parameters for header [a/b;c=d=e]"),
        ("a/b;c =d", "invalid parameters for header [a/b;c =d]"),
        ("a/b;compatible-with=x", 'For input string: "x"'),
        (
            "a/b;compatible-with=10",
            "Accept version must be one of versions 9, 8, 7, but found 10. Accept=a/b;compatible-with=10",
        ),
    ],
)
def test_an_accept_that_is_none(accept: str, cause: str) -> None:
    with pytest.raises(MediaTypeInvalid) as raised:
        check(headers(("Accept", accept)), False)
    assert raised.value.cause is not None and raised.value.cause.reason == cause
    assert "[Accept" in raised.value.reason


@pytest.mark.parametrize(
    "pairs",
    [
        [("Content-Type", JSON)],
        [("Content-Type", "APPLICATION/JSON;charset=utf-8")],
        [("Content-Type", NINE), ("Accept", NINE)],
        [("Content-Type", NINE), ("Accept", f"{NINE},text/plain")],
        [("Content-Type", NINE), ("Accept", "text/event-stream")],
        [("Content-Type", VENDOR_JSON)],
        [("Content-Type", JSON), ("Accept", "*/*")],
    ],
)
def test_bodies_that_are_json(pairs: list[tuple[str, str]]) -> None:
    given = headers(*pairs)
    check(given, True)


@pytest.mark.parametrize(
    ("pairs", "kind", "reason"),
    [
        ([], FlatFailure, "Content-Type header is missing"),
        ([("Content-Type", "text/plain")], FlatFailure, "Content-Type header [text/plain] is not supported"),
        (
            [("Content-Type", "application/json;charset=latin1")],
            FlatFailure,
            "Content-Type header [application/json;charset=latin1] is not supported",
        ),
        (
            [("Content-Type", JSON), ("Content-Type", JSON)],
            MediaTypeInvalid,
            "Incorrect header [Content-Type]. Only one value should be provided",
        ),
        (
            [("Content-Type", NINE)],
            MediaTypeInvalid,
            "A compatible version is required on both Content-Type and Accept headers if either one has requested "
            f"a compatible version. Accept=null, Content-Type={NINE}",
        ),
        (
            [("Content-Type", NINE), ("Accept", f"{VENDOR_JSON};compatible-with=8")],
            MediaTypeInvalid,
            "A compatible version is required on both Content-Type and Accept headers if either one has requested "
            "a compatible version and the compatible versions must match. "
            f"Accept={VENDOR_JSON};compatible-with=8, Content-Type={NINE}",
        ),
        (
            [("Content-Type", f"{VENDOR_JSON};compatible-with=99")],
            MediaTypeInvalid,
            "Content-Type version must be one of versions 9, 8, 7, but found 99. "
            f"Content-Type={VENDOR_JSON};compatible-with=99",
        ),
    ],
)
def test_bodies_that_are_not(pairs: list[tuple[str, str]], kind: type[Exception], reason: str) -> None:
    found = headers(*pairs)
    with pytest.raises(kind) as raised:
        check(found, True)
    told = raised.value
    assert isinstance(told, (FlatFailure, MediaTypeInvalid))
    assert (told.cause.reason if told.cause is not None else told.reason) == reason


@given(st.text(max_size=40))
def test_no_header_is_too_odd(value: str) -> None:
    assert answered(value) == JSON
    for has_body in (False, True):
        try:
            check(headers(("Content-Type", value), ("Accept", value)), has_body)
        except (MediaTypeInvalid, FlatFailure) as failure:
            assert failure.status in (400, 406)
