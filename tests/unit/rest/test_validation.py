"""Endpoints are tried before they are stored."""

import msgspec
import pytest

from inferd.errors import StatusFailure
from inferd.rest.answer import Answer
from inferd.rest.request import Request, arrived, asked_of
from inferd.rest.routing import Match, Route
from inferd.rest.validation import _warning, stored
from inferd.schema.endpoint import Endpoint, Secrets
from tests.served import Served
from tests.unit.rest.serving import unsent


async def _handle(request: Request) -> Answer:
    raise AssertionError


async def request(inferd: Served, query: str = "") -> Request:
    http = unsent("PUT", f"/x{query}")
    return arrived(http, asked_of(http.head, Match(Route("PUT", "/x", _handle), {"id": "e"})), inferd.parts)


async def endpoint(inferd: Served, **settings: object) -> tuple[Endpoint, Secrets]:
    """An endpoint ``e`` that is not stored."""
    service = inferd.parts.services.named("openai")
    body = {"service_settings": {"api_key": "sk-very-secret", "model_id": "m", **settings}}
    kind = msgspec.convert("completion", type=type(next(iter(service.task_types))))
    return service.parse_endpoint("e", kind, body)


async def test_what_the_provider_accepts_is_written_as_tried(inferd: Served) -> None:
    made = await endpoint(inferd)
    answer = await stored(await request(inferd), *made, inferd.parts.store.create)
    assert answer.body == msgspec.json.encode(made[0].shown()) and "Warning" not in answer.headers
    assert inferd.parts.store.get("e") == made[0]


async def test_a_failed_write_leaves_no_trace_of_the_trial(inferd: Served) -> None:
    async def full(endpoint: Endpoint, secrets: Secrets) -> None:
        raise StatusFailure("disk full", 503)

    with pytest.raises(StatusFailure, match="disk full"):
        await stored(await request(inferd), *await endpoint(inferd), full)
    assert inferd.parts.standings.get("e") is None and list(inferd.parts.limits) == []


async def test_a_refusal_of_a_change_leaves_the_endpoint_as_it_was(inferd: Served) -> None:
    await inferd.put("e", "completion")
    with pytest.raises(StatusFailure):
        await stored(await request(inferd), *await endpoint(inferd, model_id="sim-401"), inferd.parts.store.replace)
    assert inferd.parts.store.get("e").service_settings.shown()["model_id"] == "sim"
    assert len(list(inferd.parts.limits)) == 1


async def test_a_refused_change_of_the_rate_is_not_in_force(inferd: Served) -> None:
    await inferd.put("e", "completion")
    changed = await endpoint(inferd, model_id="sim-401", rate_limit={"requests_per_minute": 7})
    with pytest.raises(StatusFailure):
        await stored(await request(inferd), *changed, inferd.parts.store.replace)
    assert [limit.requests_per_minute for limit in inferd.parts.limits] == [500]


async def test_a_provider_out_of_reach_is_a_warning_that_clients_can_read(inferd: Served) -> None:
    made = await endpoint(inferd, url="http://127.0.0.1:9/x")
    answer = await stored(await request(inferd, "?timeout=2s"), *made, inferd.parts.store.create)
    agent, _, text = answer.headers["Warning"].partition(' "')
    assert agent == "299 Elasticsearch-9.5.0-inferd"
    assert text.startswith("stored without validation: ") and text.endswith('"') and text.count('"') == 1
    standing = inferd.parts.standings.get("e")
    assert standing is not None and standing.state == "unverified"


def test_a_warning_has_no_quotes_backslashes_or_line_ends_within() -> None:
    assert _warning('a "b" \\c\r\né', "9.5.0") == "299 Elasticsearch-9.5.0-inferd \"a 'b' /c???\""
