"""The body of a PUT for the openai service."""

from typing import Any

from tests.served import API_KEY


def body(task_settings: object = None, **settings: object) -> dict[str, Any]:
    """A PUT's body; a setting that is None is left out."""
    given = {"api_key": API_KEY, "model_id": "m", **settings}
    document: dict[str, Any] = {
        "service": "openai",
        "service_settings": {name: value for name, value in given.items() if value is not None},
    }
    return document if task_settings is None else document | {"task_settings": task_settings}
