"""No secret that is made up comes out anywhere, and whatever is valid is shown as it was put, also after a restart."""

from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.envelopes import check_envelope
from tests.scripted_upstream import scripted
from tests.served import Answer, Served, served

Value = TypeVar("Value")

MANY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20).filter(str.strip)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=12).map("X-".__add__)
POSITIVE = st.integers(1, 2**31 - 1)

# Nothing in it is escaped in JSON, so that it can be looked for as it is.
SECRETS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=12, max_size=40
).map("sk-".__add__)

CHUNKING = st.one_of(
    st.just({"strategy": "none"}),
    st.fixed_dictionaries(
        {"strategy": st.just("sentence")},
        optional={"max_chunk_size": st.integers(20, 300), "sentence_overlap": st.integers(0, 1)},
    ),
    st.fixed_dictionaries({"strategy": st.just("word")}, optional={"max_chunk_size": st.integers(10, 300)}),
    st.fixed_dictionaries(
        {"strategy": st.just("recursive")},
        optional={"max_chunk_size": st.integers(10, 300), "separators": st.lists(WORDS, min_size=1, max_size=4)},
    ),
)
TASK_SETTINGS = st.fixed_dictionaries(
    {}, optional={"user": WORDS, "headers": st.dictionaries(NAMES, st.none() | PRINTABLE, max_size=3)}
)
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "url": st.sampled_from(["http://127.0.0.1:9/v1", "http://[::1]:9/", "https://example.com/a?b=c"]),
    "organization_id": PRINTABLE,
    "max_input_tokens": POSITIVE,
    "rate_limit": st.fixed_dictionaries({"requests_per_minute": st.integers(1, 2**63 - 1)}),
}
EMBEDDING = {"dimensions": POSITIVE, "similarity": st.sampled_from(["cosine", "DOT_PRODUCT", "l2_norm"])}


def examples(strategy: st.SearchStrategy[Value]) -> list[Value]:
    """What hypothesis makes up, to be sent by a test that can wait for the answers."""
    made: list[Value] = []

    @MANY
    @given(strategy)
    def collect(value: Value) -> None:
        made.append(value)

    collect()
    assert len(made) >= 50
    return made


def keyed(secret: str) -> st.SearchStrategy[dict[str, Any]]:
    oauth2 = {"client_id": PRINTABLE, "scopes": st.lists(PRINTABLE, min_size=1, max_size=3)}
    return st.just({"api_key": secret}) | st.fixed_dictionaries(
        oauth2 | {"client_secret": st.just(secret), "token_url": st.just("https://auth.example/token")}
    )


@st.composite
def valid(draw: st.DrawFn) -> tuple[str, dict[str, Any], str]:
    """A task type, a body of a PUT that must succeed, and the secret in it."""
    task = draw(st.sampled_from(["text_embedding", "embedding", "completion", "chat_completion"]))
    secret = draw(SECRETS)
    embeds = "embedding" in task
    given_settings = draw(
        st.fixed_dictionaries({"model_id": WORDS}, optional=COMMON | (EMBEDDING if embeds else {}))
    ) | draw(keyed(secret))
    body = {"service": "openai", "service_settings": given_settings, "task_settings": draw(TASK_SETTINGS)}
    return task, body | ({"chunking_settings": draw(CHUNKING)} if embeds else {}), secret


def wrong(secret: str) -> st.SearchStrategy[dict[str, Any]]:
    """Settings with ``secret`` where it must not be; whichever of them are put, the PUT must fail."""
    nested = st.sampled_from([[secret], {"value": secret}, {"a": [{"b": secret}]}])
    return st.one_of(
        *(st.fixed_dictionaries({name: nested}) for name in ("api_key", "client_secret")),
        st.sampled_from(["apikey", "API_KEY", "secret", "token", "password", "authorization", "credential", "api_key "])
        .flatmap(lambda name: st.fixed_dictionaries({name: nested | st.just(secret)})),
        st.just({"api_key": secret, "client_secret": secret}),
        st.just({"api_key": secret + "\r\n"}),
        st.just({"api_key": secret + "é"}),
        st.just({"api_key": secret, "scopes": ["a"]}),
        st.just({"api_key": secret, "dimensions": 0, "model_id": ""}),
        *(st.just({"api_key": secret, name: f"http://me:{secret}@127.0.0.1/"})
          for name in ("url", "token_url") if not set("/?#") & set(secret)),
        st.just({"rate_limit": {"token": secret}}),
        st.just({"rate_limit": {"requests_per_minute": {"key": secret}}}),
        st.just({"foo": [{"my_key": secret}]}),
        st.just({"model_id": {"key": secret}}),
    )  # fmt: skip


async def nowhere(inferd: Served, secret: str, *answers: Answer) -> None:
    """Fails if ``secret`` is in an answer, the log, the metrics or what the daemon's parts show of themselves."""
    for answer in answers:
        assert secret not in answer.text + repr(answer.headers)
    for path in ("/_inference", "/metrics", "/_inference/.diagnostics", "/_health", "/_health_report"):
        assert secret not in (await inferd.ask("GET", path)).text
    assert secret not in inferd.log
    assert secret not in repr(inferd.parts) + repr(inferd.app.tools)
    for name in ("store", "limits", "standings", "guard", "open", "config"):
        assert secret not in repr(getattr(inferd.parts, name))
    for endpoint in inferd.parts.store.all():
        assert secret not in repr(endpoint) + repr(inferd.parts.store.secrets(endpoint.inference_id))


async def test_what_is_put_is_what_is_got_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    made = examples(valid())
    async with served(tmp_path, inference_validate_on_put="off") as inferd:
        for number, (task, body, secret) in enumerate(made):
            put = await inferd.ask("PUT", f"/_inference/{task}/e{number}", body)
            assert put.status == 200, (body, put.body)
            got = await inferd.ask("GET", f"/_inference/{task}/e{number}")
            assert got.body == b'{"endpoints":[' + put.body + b"]}"
            for name in ("model_id", "url", "organization_id", "max_input_tokens", "dimensions", "rate_limit"):
                assert name not in body["service_settings"] or (
                    put.json["service_settings"][name] == body["service_settings"][name]
                )
            assert secret not in put.text + got.text
        await nowhere(inferd, "client_secret")
        before = await inferd.ask("GET", "/_inference/_all")
        for _, _, secret in made:
            assert secret not in before.text + inferd.log
    async with served(tmp_path, inference_validate_on_put="off") as again:
        assert (await again.ask("GET", "/_inference/_all")).body == before.body
        for number, (_, _, secret) in enumerate(made):
            assert secret in dict(again.parts.store.secrets(f"e{number}")).values()


@pytest.mark.parametrize("task", ["text_embedding", "completion"])
async def test_a_secret_in_a_body_that_is_refused_is_repeated_nowhere(inferd: Served, task: str) -> None:
    for secret, extra in examples(SECRETS.flatmap(lambda secret: st.tuples(st.just(secret), wrong(secret)))):
        body = {"service": "openai", "service_settings": {"model_id": "m"} | extra}
        answers = [await inferd.ask("PUT", f"/_inference/{task}/e", body)]
        body = {"service": "openai", "service_settings": {"model_id": "m", "api_key": "k"}, "task_settings": extra}
        answers.append(await inferd.ask("PUT", f"/_inference/{task}/e", body))
        for name, value in (("X", extra), ("Authorization", [secret])):
            body["task_settings"] = {"headers": {name: value}}
            answers.append(await inferd.ask("PUT", f"/_inference/{task}/e", body))
        for answer in answers:
            assert answer.status == 400
            check_envelope(answer)
            assert secret not in answer.text
        assert secret not in inferd.log


async def test_a_provider_that_repeats_the_key_is_not_repeated(inferd: Served) -> None:
    inferd.skip_trials()
    for number, secret in enumerate(examples(SECRETS)[:20]):
        for task, path, body in (
            ("completion", "", {"input": "a"}),
            ("completion", "/_stream", {"input": "a"}),
            ("chat_completion", "/_unified", {"messages": [{"role": "user", "content": "a"}]}),
            ("text_embedding", "", {"input": "a"}),
        ):
            name = f"{task}{number}{path.strip('/_')}"
            await inferd.put(name, task, "sim-echo-key", api_key=secret)
            answer = await inferd.ask("POST", f"/_inference/{name}{path}", body)
            assert (answer.status, "***" in answer.text) == (401, True)
            await nowhere(inferd, secret, answer)
            assert (await inferd.ask("DELETE", f"/_inference/{name}")).status == 200


async def test_a_provider_that_repeats_the_key_in_its_headers_is_not_repeated_either(inferd: Served) -> None:
    inferd.skip_trials()
    secret = "sk-in-a-header-0123456789"
    refusal = (
        f"HTTP/1.1 429 No\r\nRetry-After: {secret}\r\nx-ratelimit-limit-tokens: {secret}\r\n"
        f"x-ratelimit-remaining-requests: of {secret}\r\nContent-Length: 0\r\n\r\n"
    )
    async with scripted([refusal.encode()]) as upstream:
        for task, path, body in (
            ("completion", "", {"input": "a"}),
            ("chat_completion", "/_unified", {"messages": [{"role": "user", "content": "a"}]}),
            ("text_embedding", "", {"input": "a"}),
        ):
            await inferd.put(task, task, api_key=secret, url=upstream.url)
            # No pause before another attempt fits into it.
            answer = await inferd.ask("POST", f"/_inference/{task}{path}?timeout=300ms", body)
            assert (answer.status, answer.headers["Retry-After"]) == (429, "***")
            await nowhere(inferd, secret, answer)
