"""``info`` and ``ping``: what Elastic's clients ask first; and the ways every route can be asked."""

from pathlib import Path

import pytest

from inferd import __version__
from tests.contract.expected import error, flat, not_found
from tests.served import Served, served

INFO = (
    '{"name":"inferd","cluster_name":"inferd","cluster_uuid":"inferd","version":{"number":"9.5.0",'
    f'"build_flavor":"default","build_type":"inferd","build_hash":"{__version__}","build_snapshot":false,'
    '"minimum_wire_compatibility_version":"8.19.0","minimum_index_compatibility_version":"8.0.0"},'
    '"tagline":"You Know, for Inference"}'
)
VENDOR = "application/vnd.elasticsearch+json"


async def test_the_information_document(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/")
    assert (answer.status, answer.text) == (200, INFO)
    assert answer.headers["X-elastic-product"] == "Elasticsearch"
    head = await inferd.ask("HEAD", "/")
    assert (head.status, head.body, head.headers["X-elastic-product"]) == (200, b"", "Elasticsearch")


async def test_the_version_is_an_option(tmp_path: Path) -> None:
    async with served(tmp_path, server_version="8.19.2") as inferd:
        assert (await inferd.ask("GET", "/")).json["version"]["number"] == "8.19.2"


@pytest.mark.parametrize(
    ("accept", "spoken"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html", "application/json"),
        ("application/json, text/plain", "application/json"),
        ("application/yaml", "application/json"),
        (VENDOR, VENDOR),
        (f"{VENDOR}; compatible-with=9", f"{VENDOR};compatible-with=9"),
        (f"{VENDOR};compatible-with=8", f"{VENDOR};compatible-with=8"),
        (f"{VENDOR.upper()};compatible-with=7", f"{VENDOR};compatible-with=7"),
        (f"{VENDOR}; compatible-with=9,text/plain", f"{VENDOR};compatible-with=9"),
    ],
)
async def test_the_media_type_asked_for_is_echoed_also_by_errors(
    inferd: Served, accept: str | None, spoken: str
) -> None:
    headers = {"Accept": accept} if accept is not None else {}
    for path, code in (("/", 200), ("/_inference/nothing", 404), ("/nowhere", 400)):
        answer = await inferd.ask("GET", path, headers=headers)
        assert (answer.status, answer.headers["Content-Type"]) == (code, spoken)


REQUIRED = (
    "A compatible version is required on both Content-Type and Accept headers if either one has requested a "
    "compatible version"
)
NINE, EIGHT = f"{VENDOR}; compatible-with=9", f"{VENDOR};compatible-with=8"


@pytest.mark.parametrize(
    ("accept", "content_type", "code", "expected"),
    [
        (NINE, NINE, 404, None),
        ("text/event-stream", NINE, 404, None),
        (f"{NINE},text/plain", NINE, 404, None),
        ("application/json", "application/json; charset=UTF-8", 404, None),
        (
            NINE,
            "application/json",
            400,
            f"{REQUIRED}. Accept={NINE}, Content-Type=application/json",
        ),
        (None, NINE, 400, f"{REQUIRED}. Accept=null, Content-Type={NINE}"),
        ("*/*", NINE, 400, f"{REQUIRED}. Accept=null, Content-Type={NINE}"),
        (
            EIGHT,
            NINE,
            400,
            f"{REQUIRED} and the compatible versions must match. Accept={EIGHT}, Content-Type={NINE}",
        ),
        (
            f"{VENDOR};compatible-with=6",
            NINE,
            400,
            f"Accept version must be one of versions 9, 8, 7, but found 6. Accept={VENDOR};compatible-with=6",
        ),
    ],
)
async def test_a_version_is_named_on_both_sides_or_on_none(
    inferd: Served, accept: str | None, content_type: str, code: int, expected: str | None
) -> None:
    headers = {"Content-Type": content_type} | ({"Accept": accept} if accept is not None else {})
    answer = await inferd.ask("POST", "/_inference/x", {"input": "a"}, headers)
    reason = "Invalid media-type value on headers [Accept, Content-Type]"
    cause = ("status_exception", str(expected))
    told = error("media_type_header_exception", reason, 400, cause, root=0) if expected else not_found("x")
    assert (answer.status, answer.body) == (code, told)


@pytest.mark.parametrize(
    ("content_type", "code", "expected"),
    [
        ("text/plain", 406, flat("Content-Type header [text/plain] is not supported", 406)),
        ("application/x-www-form-urlencoded", 406, None),
        ("multipart/form-data; boundary=x", 406, None),
        ("application/json; charset=latin1", 406, None),
        ("application/cbor", 406, None),
        (
            "nonsense",
            400,
            error(
                "media_type_header_exception",
                "Invalid media-type value on headers [Content-Type]",
                400,
                ("illegal_argument_exception", "invalid media-type [nonsense]"),
                root=0,
            ),
        ),
        (
            "application/json; a",
            400,
            error(
                "media_type_header_exception",
                "Invalid media-type value on headers [Content-Type]",
                400,
                ("illegal_argument_exception", "invalid parameters for header [application/json; a]"),
                root=0,
            ),
        ),
    ],
)
async def test_a_body_is_json(inferd: Served, content_type: str, code: int, expected: bytes | None) -> None:
    answer = await inferd.ask("POST", "/_inference/x", {"input": "a"}, {"Content-Type": content_type})
    flatly = flat(f"Content-Type header [{content_type}] is not supported", 406)
    assert (answer.status, answer.body) == (code, expected or flatly)


async def test_a_body_says_what_it_is(inferd: Served) -> None:
    async with inferd.http.post(inferd.url + "/_inference/x", data=b"{}") as response:
        assert (response.status, await response.read()) == (406, flat("Content-Type header is missing", 406))


@pytest.mark.parametrize(
    ("method", "path", "code", "allow"),
    [
        ("OPTIONS", "/", 200, "GET,HEAD"),
        ("OPTIONS", "/_inference/completion/c", 200, "DELETE,GET,POST,PUT"),
        ("POST", "/", 405, "GET,HEAD"),
        ("PATCH", "/_inference/x", 405, "DELETE,GET,POST,PUT"),
        ("HEAD", "/_inference", 405, "GET"),
    ],
)
async def test_methods(inferd: Served, method: str, path: str, code: int, allow: str) -> None:
    answer = await inferd.ask(method, path)
    assert (answer.status, answer.headers["Allow"]) == (code, allow)
    if code == 200:
        assert (answer.body, answer.headers["Content-Type"]) == (b"", "text/plain; charset=UTF-8")
    elif method == "HEAD":
        assert answer.body == b""
    else:
        listed = allow.replace(",", ", ")
        text = f"Incorrect HTTP method for uri [{path}] and method [{method}], allowed: [{listed}]"
        assert answer.body == flat(text, 405)


@pytest.mark.parametrize("path", ["/nowhere", "/_inference/a/b/c", "/_inference/a/b/c/d?x=%20y", "/_search"])
async def test_an_unknown_route_has_a_body_of_its_own_form(inferd: Served, path: str) -> None:
    answer = await inferd.ask("GET", path)
    told = '{"error":"no handler found for uri [' + path + '] and method [GET]"}'
    assert (answer.status, answer.text) == (400, told)


async def test_pretty_is_elasticsearch_s_form(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/_inference?pretty")
    assert answer.text == '{\n  "endpoints" : [ ]\n}\n'
    wrong = await inferd.ask("GET", "/nowhere?pretty=true")
    assert wrong.text == '{\n  "error" : "no handler found for uri [/nowhere?pretty=true] and method [GET]"\n}\n'
    assert (await inferd.ask("GET", "/_inference?pretty=false")).text == '{"endpoints":[]}'


async def test_numbers_survive_filter_path_and_pretty_byte_for_byte(inferd: Served) -> None:
    await inferd.put("e", "text_embedding", dimensions=3)
    plain = await inferd.ask("POST", "/_inference/e", {"input": "a"})
    numbers = plain.text.rpartition("[")[2].rstrip("]}")
    listed = numbers.replace(",", ",\n        ")
    answer = await inferd.ask("POST", "/_inference/e?filter_path=text_*.embedding&pretty", {"input": "a"})
    assert answer.text == (
        '{\n  "text_embedding" : [\n    {\n      "embedding" : [\n        ' + listed + "\n      ]\n    }\n  ]\n}\n"
    )
    assert (await inferd.ask("POST", "/_inference/e?filter_path=nothing", {"input": "a"})).text == "{}"
    assert (await inferd.ask("POST", "/_inference/e?filter_path=-**.embedding", {"input": "a"})).text == "{}"


async def test_an_error_is_never_filtered_and_never_shows_a_trace(inferd: Served) -> None:
    plain = await inferd.ask("GET", "/_inference/nothing")
    asked = await inferd.ask("GET", "/_inference/nothing?filter_path=x&error_trace=true&human&format=json")
    assert asked.body == plain.body


async def test_a_client_s_own_name_for_a_request_comes_back_and_is_logged(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/_inference", headers={"X-Opaque-Id": "mine"})
    assert (answer.headers["X-Opaque-Id"], inferd.lines[-1]["id"]) == ("mine", "mine")
    for odd in ("a" * 201, "\u00e9"):
        answer = await inferd.ask("GET", "/_inference", headers={"X-Opaque-Id": odd})
        assert answer.status == 200 and "X-Opaque-Id" not in answer.headers
        assert inferd.lines[-1]["id"] != odd
    await inferd.put("c", "completion")
    streamed = await inferd.ask("POST", "/_inference/c/_stream", {"input": "a"}, {"X-Opaque-Id": "mine"})
    assert (streamed.status, streamed.headers["X-Opaque-Id"]) == (200, "mine")


async def test_any_authorization_is_let_pass_on_loopback(inferd: Served) -> None:
    for credentials in ("ApiKey a2V5", "Basic YTpi", "Bearer token", "nonsense"):
        assert (await inferd.ask("GET", "/", headers={"Authorization": credentials})).status == 200
        assert credentials.split()[-1] not in inferd.log
