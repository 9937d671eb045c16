"""``_services``: what each service can be configured with (elasticsearch-rest §7)."""

import pytest

from tests.contract.expected import status
from tests.served import Served

TASKS = ["text_embedding", "completion", "chat_completion", "embedding"]
FLAGS = {
    # name: required, sensitive, updatable, type
    "headers": (False, False, True, "map"),
    "api_key": (False, True, True, "str"),
    "organization_id": (False, False, False, "str"),
    "rate_limit.requests_per_minute": (False, False, False, "int"),
    "model_id": (True, False, False, "str"),
    "client_secret": (False, True, True, "str"),
    "scopes": (False, False, True, "list"),
    "token_url": (False, False, True, "str"),
    "url": (False, False, False, "str"),
    "client_id": (False, False, True, "str"),
    "dimensions": (False, False, False, "int"),
}


@pytest.mark.parametrize("path", ["", "/any", "/", *(f"/{task}" for task in TASKS), "/TEXT_embedding"])
async def test_openai_is_described_wherever_it_can_serve(inferd: Served, path: str) -> None:
    answer = await inferd.ask("GET", f"/_inference/_services{path}")
    assert answer.status == 200
    (openai,) = answer.json
    assert list(openai) == ["service", "name", "task_types", "configurations"]
    assert (openai["service"], openai["name"], openai["task_types"]) == ("openai", "OpenAI", TASKS)
    settings = openai["configurations"]
    assert list(settings) == list(FLAGS)
    for name, (required, sensitive, updatable, kind) in FLAGS.items():
        setting = settings[name]
        assert list(setting) == [
            "description", "label", "required", "sensitive", "updatable", "type", "supported_task_types"
        ]  # fmt: skip
        assert (setting["required"], setting["sensitive"], setting["updatable"], setting["type"]) == (
            required,
            sensitive,
            updatable,
            kind,
        )
        tasks = ["text_embedding", "embedding"] if name == "dimensions" else TASKS
        assert setting["supported_task_types"] == tasks
        assert setting["description"] and setting["label"]


async def test_no_service_for_a_task_is_an_empty_list(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/_inference/_services/rerank")
    assert (answer.status, answer.body) == (200, b"[]")


async def test_a_task_nobody_knows(inferd: Served) -> None:
    answer = await inferd.ask("GET", "/_inference/_services/garbage")
    assert (answer.status, answer.body) == (400, status("Unknown task_type [garbage]"))


async def test_other_methods_take_the_name_for_an_id(inferd: Served) -> None:
    for method, code in (("POST", 404), ("DELETE", 404)):
        assert (await inferd.ask(method, "/_inference/_services", {} if method == "POST" else None)).status == code
