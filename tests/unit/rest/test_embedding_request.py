"""The body of an ``embedding`` request."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.errors import Failure
from inferd.rest.embedding_request import parse

TEXT = {"type": "text", "value": "a"}
IMAGE = {"type": "image", "value": "data:image/png;base64,AAAA"}


def parsed(**body: Any) -> Any:
    return parse(msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("a", ["a"]),
        (["a", ""], ["a", ""]),
        ({"content": TEXT}, ["a"]),
        ({"content": [TEXT | {"format": " TEXT "}]}, ["a"]),
        (["b", {"content": TEXT | {"type": "Text"}}], ["b", "a"]),
    ],
)
def test_texts_and_objects_around_them(given: object, texts: list[str]) -> None:
    request = parsed(input=given)
    assert (request.input, request.input_type, request.task_settings, request.chunk) == (texts, None, None, False)


def test_everything_else_that_may_be_said() -> None:
    request = parsed(
        input="a", input_type="Ingest", task_settings={"user": "u"}, chunk=True, chunking_settings={"strategy": "none"}
    )
    assert (request.input_type, request.task_settings) == ("ingest", {"user": "u"})
    assert (request.chunk, request.chunking_settings) == (True, {"strategy": "none"})
    assert parsed(input="a", chunking_settings=None).chunking_settings is None


FAILED = "[EmbeddingRequest] failed to parse field [input]"


@pytest.mark.parametrize(
    ("body", "reason", "cause"),
    [
        ({"input": []}, "Validation Failed: 1: Field [inputs] cannot be an empty array;", None),
        ({"input": [], "chunking_settings": {}}, "Validation Failed: 1: Field [inputs] cannot be an empty array;"
         "2: Field [chunking_settings] can only be specified together with [chunk] set to [true];", None),
        ({"input": {"content": []}}, f"[1:10] {FAILED}", "Field [content] cannot be an empty array"),
        ({"input": {"content": TEXT | {"type": "x"}}}, f"[1:21] {FAILED}",
         "Unrecognized type [x], must be one of [text, image, audio, video, pdf]"),
        ({"input": [{"content": TEXT | {"format": "base64"}}]}, f"[1:22] {FAILED}",
         "Data type [text] does not support data format [base64], supported formats are [text]"),
        ({"input": {"content": IMAGE | {"value": "x"}}}, f"[1:21] {FAILED}",
         "base64 inputs must be specified as data URIs with the format [data:{MIME-type};base64,...]"),
        ({"input": {"content": IMAGE | {"format": "text"}}}, f"[1:21] {FAILED}",
         "Data type [image] does not support data format [text], supported formats are [base64]"),
        ({"input": {"content": IMAGE}}, "The openai service does not support embedding with non-text inputs", None),
        ({"input": ["a", {"content": [TEXT, TEXT]}]},
         "Field [content] must contain a single item for [openai] service. [content] object with multiple items "
         "found at $.input.content[1]", None),
        ({"input": "a", "input_type": "x"}, "[1:27] [EmbeddingRequest] failed to parse field [input_type]",
         "No enum constant org.elasticsearch.inference.InputType.X"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(body: dict[str, Any], reason: str, cause: str | None) -> None:
    with pytest.raises(Failure) as raised:
        parsed(**body)
    assert (raised.value.status, raised.value.reason) == (400, reason)
    assert (raised.value.cause.reason if raised.value.cause else None) == cause


ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image", "x"]), "value": st.text(max_size=5)},
    optional={"format": st.sampled_from(["text", "base64", "x"])},
)
CONTENTS = st.fixed_dictionaries({"content": ITEMS | st.lists(ITEMS, max_size=2)}) | st.text(max_size=5) | st.none()


@given(CONTENTS | st.lists(CONTENTS, max_size=3))
def test_anything_is_one_text_an_input_or_refused(given_input: Any) -> None:
    try:
        texts = parsed(input=given_input).input
    except Failure as failure:
        assert failure.status == 400
    else:
        assert len(texts) == (len(given_input) if isinstance(given_input, list) else 1)
