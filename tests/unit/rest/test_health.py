"""The health routes of inferd's own."""

import pytest

from inferd.errors import StatusFailure
from tests.served import Served


async def _broken() -> None:
    raise StatusFailure("disk", 503)


@pytest.mark.parametrize("trouble", [None, "draining", "store", "loop"])
async def test_the_three_agree_about_what_is_wrong(
    inferd: Served, monkeypatch: pytest.MonkeyPatch, trouble: str | None
) -> None:
    inferd.parts.draining = trouble == "draining"
    if trouble == "store":
        monkeypatch.setattr(inferd.parts.store, "probe", _broken)
    for _ in range(5 if trouble == "loop" else 0):
        inferd.parts.loop_lag.note(1.0)
    code = 200 if trouble is None else 503
    ready, live, health = [await inferd.ask("GET", path) for path in ("/readyz", "/livez", "/_health")]
    assert (ready.status, ready.text) == (code, trouble or "ok")
    assert (live.status, live.text) == (200, "ok")
    assert (health.status, health.json["status"], health.json["reason"]) == (
        code, "ok" if trouble is None else "unavailable", trouble
    )  # fmt: skip


async def test_only_endpoints_that_were_used_have_an_upstream_to_tell_of(inferd: Served) -> None:
    await inferd.put("used", "completion")
    inferd.skip_trials()
    await inferd.put("unused", "completion")
    told = (await inferd.ask("GET", "/_health")).json
    assert (told["endpoints"], list(told["upstreams"])) == (2, ["used"])
