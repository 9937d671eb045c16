"""What users of Elastic's Python client do with the Inference API: ``python elastic_tour.py URL TOPIC [KEY…]``.

A program of its own, because the client's versions 8 and 9 cannot live in one environment; any surprise is a traceback.
"""

import asyncio
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from elasticsearch import (
    ApiError,
    AsyncElasticsearch,
    AuthenticationException,
    AuthorizationException,
    BadRequestError,
    Elasticsearch,
    ElasticsearchWarning,
    NotFoundError,
)

MAJOR = int(version("elasticsearch").split(".")[0])
VENDOR = f"application/vnd.elasticsearch+json;compatible-with={MAJOR}"
SETTINGS = {"api_key": "<api_key>", "model_id": "m"}
CHAT = {"messages": [{"role": "user", "content": "Hello"}]}
WAYS: list[dict[str, Any]] = [
    {},
    {"http_compress": True},
    {"api_key": "a2V5OnNlY3JldA=="},
    {"api_key": ("id", "key")},
    {"basic_auth": ("elastic", "secret")},
    {"bearer_auth": "token"},
]


def endpoints(url: str) -> None:
    """Made, read, changed, listed, deleted, in every way of connecting."""
    for way in WAYS:
        with Elasticsearch(url, **way) as client:
            assert client.ping()
            info = client.info()
            assert info["version"]["number"] == "9.5.0" and info.meta.headers["content-type"] == VENDOR
            made = client.inference.put_openai(
                task_type="text_embedding",
                openai_inference_id="e",
                service="openai",
                service_settings={**SETTINGS, "dimensions": 128},
                task_settings={"user": "u"},
            )
            shown = client.inference.get(inference_id="e")
            assert shown["endpoints"] == [made.body] and made["service_settings"]["dimensions"] == 128
            assert client.inference.get(task_type="text_embedding", inference_id="e").body == shown.body
            assert client.inference.get()["endpoints"] == [made.body]
            changed = client.inference.update(
                task_type="text_embedding",
                inference_id="e",
                inference_config={
                    "service": "openai",
                    "service_settings": {"api_key": "<other>"},
                    "task_settings": {"user": "v"},
                },
            )
            assert changed["task_settings"] == {"user": "v"}
            gone = client.inference.delete(inference_id="e", dry_run=True)
            assert gone.body == {"acknowledged": False, "pipelines": [], "indexes": [], "error_message": ""}
            assert client.inference.delete(task_type="text_embedding", inference_id="e", force=True)["acknowledged"]
            plain = client.inference.put(
                inference_id="c",
                inference_config={"task_type": "completion", "service": "openai", "service_settings": SETTINGS},
            )
            assert plain["task_type"] == "completion"
            assert client.inference.delete(inference_id="c")["acknowledged"]


def inference(url: str) -> None:
    """Embeddings and completions, plain and packed."""
    for way in WAYS[:2]:
        with Elasticsearch(url, **way) as client:
            for task in ("text_embedding", "completion"):
                client.inference.put_openai(
                    task_type=task, openai_inference_id=task[0], service="openai", service_settings=SETTINGS
                )
            many = client.inference.text_embedding(inference_id="t", input=["a", "b"], timeout="30s")
            one = client.inference.inference(inference_id="t", input="b")
            assert one["text_embedding"][0] == many["text_embedding"][1]
            assert len(one["text_embedding"][0]["embedding"]) == 1536
            text = client.inference.completion(inference_id="c", input="Hello", task_settings={"user": "u"})
            assert "Hello" in text["completion"][0]["result"]
            for inference_id in "tc":
                client.inference.delete(inference_id=inference_id)


def streams(url: str) -> None:
    """The client has no method for streams: users perform the request, and get all events as text."""
    with Elasticsearch(url, http_compress=True) as client:
        for task, name in (("completion", "c"), ("chat_completion", "chat")):
            client.inference.put_openai(
                task_type=task, openai_inference_id=name, service="openai", service_settings=SETTINGS
            )
        for path, body, word in (
            ("completion/c/_stream", {"input": "Hello"}, '"completion"'),
            ("chat_completion/chat/_unified", CHAT, "chat.completion.chunk"),
        ):
            for accept in ("application/json", "text/event-stream"):
                headers = {"accept": accept, "content-type": "application/json"}
                told = client.perform_request("POST", f"/_inference/{path}", headers=headers, body=body)
                events = told.body.split("\n\n")
                assert isinstance(told.body, str) and events[-2:] == ["event: message\ndata: [DONE]", ""]
                assert len(events) > 4 and all(word in event for event in events[:-2])


def errors(url: str) -> None:
    """Failures arrive as the exceptions users catch."""
    with Elasticsearch(url) as client:
        _raises(NotFoundError, "resource_not_found_exception", client.inference.get, inference_id="my e/p")
        _raises(BadRequestError, "status_exception", client.inference.put, inference_id="x", inference_config={"a": 1})
        missing = client.inference.text_embedding
        error = _raises(NotFoundError, "resource_not_found_exception", missing, inference_id="my e/p", input="a")
        assert error.body["error"]["reason"] == "Inference endpoint not found [my e/p]"
        assert error.message == "resource_not_found_exception"


def retries(url: str) -> None:
    """429, 502 and 503 are asked again, here twice; the caller then gets the last answer."""
    with Elasticsearch(url, max_retries=2) as client:
        for status in (429, 502, 503):
            client.inference.put_openai(
                task_type="completion",
                openai_inference_id=f"e{status}",
                service="openai",
                service_settings={**SETTINGS, "model_id": f"sim-{status}"},
            )
            # So short that inferd itself does not ask again.
            ask: Callable[..., Any] = client.inference.completion
            error = _raises(ApiError, "status_exception", ask, inference_id=f"e{status}", input="a", timeout="300ms")
            assert error.meta.status == status
    asyncio.run(_asked_again(url))


async def _asked_again(url: str) -> None:
    async with AsyncElasticsearch(url, max_retries=2, http_compress=True) as client:
        for status in (429, 502, 503):
            model = {**SETTINGS, "model_id": f"sim-{status}"}
            name = f"a{status}"
            await client.inference.put_openai(
                task_type="completion", openai_inference_id=name, service="openai", service_settings=model
            )
            try:
                await client.inference.completion(inference_id=name, input="a", timeout="300ms")
            except ApiError as error:
                assert (error.error, error.meta.status) == ("status_exception", status)
            else:
                raise AssertionError(f"{status} was not raised")


def keys(url: str, admin: str, user: str) -> None:
    """Client keys in every form the client has; what is wrong arrives as the exceptions users catch."""
    for way in _signed(admin):
        with Elasticsearch(url, **way) as client:
            assert client.ping()
            client.inference.put_openai(
                task_type="completion", openai_inference_id="k", service="openai", service_settings=SETTINGS
            )
            asyncio.run(_infers(url, user))
            assert client.inference.delete(inference_id="k")["acknowledged"]
    with Elasticsearch(url, api_key=user) as client:
        error = _raises(AuthorizationException, "security_exception", client.inference.delete, inference_id="k")
        assert error.meta.status == 403
    for way in ({}, *_signed("wrong")):
        with Elasticsearch(url, **way) as client:
            error = _raises(AuthenticationException, "security_exception", client.inference.get)
            assert error.meta.status == 401


def _signed(key: str) -> list[dict[str, Any]]:
    return [{"api_key": key}, {"api_key": ("admin", key)}, {"basic_auth": ("elastic", key)}, {"bearer_auth": key}]


async def _infers(url: str, user: str) -> None:
    for way in ({"api_key": user}, {"basic_auth": ("elastic", user)}, {"bearer_auth": user}):
        async with AsyncElasticsearch(url, **way) as client:
            answer = await client.inference.completion(inference_id="k", input="Hello")
            assert "Hello" in answer["completion"][0]["result"]


def warning(url: str) -> None:
    """An endpoint stored though its provider cannot be reached is a warning to the user."""
    with Elasticsearch(url) as client, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.inference.put_openai(
            task_type="completion",
            openai_inference_id="far",
            service="openai",
            service_settings={**SETTINGS, "url": "http://127.0.0.1:9/v1/chat/completions"},
        )
    (told,) = [each for each in caught if issubclass(each.category, ElasticsearchWarning)]
    assert str(told.message).startswith("stored without validation: "), told.message


def together(url: str) -> None:
    """The asynchronous client, many requests at once."""

    async def tour() -> None:
        async with AsyncElasticsearch(url, http_compress=True) as client:
            assert await client.ping()
            await client.inference.put_openai(
                task_type="text_embedding", openai_inference_id="a", service="openai", service_settings=SETTINGS
            )
            texts = [f"text {number}" for number in range(40)]
            asked = [client.inference.text_embedding(inference_id="a", input=text) for text in texts]
            apart = [answer["text_embedding"][0] for answer in await asyncio.gather(*asked)]
            at_once = await client.inference.text_embedding(inference_id="a", input=texts)
            assert at_once["text_embedding"] == apart
            assert (await client.inference.delete(inference_id="a"))["acknowledged"]

    asyncio.run(tour())


def _raises(kind: type[ApiError], name: str, call: Callable[..., Any], **arguments: Any) -> ApiError:
    try:
        call(**arguments)
    except kind as error:
        assert error.error == name, error
        return error
    raise AssertionError(f"{call} did not raise {kind}")


TOPICS: dict[str, Callable[..., None]] = {
    topic.__name__: topic for topic in (endpoints, inference, streams, errors, retries, warning, together, keys)
}

if __name__ == "__main__":
    TOPICS[sys.argv[2]](sys.argv[1], *sys.argv[3:])
