"""What GET _inference/_services says of the openai service (elasticsearch-rest.md, the table of its settings)."""

import msgspec
import pytest

from inferd.schema.endpoint import TaskType
from inferd.services.openai.info import settings_info

ROWS = [
    ("headers", "Custom Headers", False, False, True, "map"),
    ("api_key", "API Key", False, True, True, "str"),
    ("organization_id", "Organization ID", False, False, False, "str"),
    ("rate_limit.requests_per_minute", "Rate Limit", False, False, False, "int"),
    ("model_id", "Model ID", True, False, False, "str"),
    ("client_secret", "OAuth2 Client Secret", False, True, True, "str"),
    ("scopes", "OAuth2 Scopes", False, False, True, "list"),
    ("token_url", "OAuth2 Token URL", False, False, True, "str"),
    ("url", "URL", False, False, False, "str"),
    ("client_id", "OAuth2 Client ID", False, False, True, "str"),
    ("dimensions", "Dimensions", False, False, False, "int"),
]


@pytest.mark.parametrize(("key", "label", "required", "sensitive", "updatable", "kind"), ROWS)
def test_a_row_of_the_table(
    key: str, label: str, required: bool, sensitive: bool, updatable: bool, kind: str
) -> None:
    info = settings_info()[key]
    assert (info.label, info.required, info.sensitive, info.updatable, info.type) == (
        label,
        required,
        sensitive,
        updatable,
        kind,
    )
    assert info.description.endswith(".")
    embedding = [TaskType.TEXT_EMBEDDING, TaskType.EMBEDDING]
    every = [TaskType.TEXT_EMBEDDING, TaskType.COMPLETION, TaskType.CHAT_COMPLETION, TaskType.EMBEDDING]
    assert info.supported_task_types == (embedding if key == "dimensions" else every)


def test_the_table_has_no_other_rows_and_this_order() -> None:
    assert list(settings_info()) == [row[0] for row in ROWS]


def test_one_as_json() -> None:
    assert msgspec.json.encode(settings_info()["model_id"]) == (
        b'{"description":"The name of the model to use.","label":"Model ID","required":true,"sensitive":false,'
        b'"updatable":false,"type":"str","supported_task_types":["text_embedding","completion","chat_completion",'
        b'"embedding"]}'
    )
