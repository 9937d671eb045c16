"""Endpoints of the openai service and calls to them, for tests that do not care how they were made."""

import asyncio
from typing import Any

from inferd.schema.endpoint import Endpoint, Secrets, TaskType
from inferd.schema.inference import Call, Deadline, Trace
from inferd.services.openai.settings import OpenAISettings, OpenAITaskSettings, RateLimitSettings

OAUTH2: dict[str, Any] = {"client_id": "me", "scopes": ("a", "b"), "token_url": "https://auth.example/token"}


def endpoint(
    task_type: TaskType, *, inference_id: str = "e", task_settings: OpenAITaskSettings | None = None, **settings: Any
) -> Endpoint:
    """An endpoint ``e`` at 60,000 requests a minute, with the service ``settings`` given."""
    given = {"model_id": "m", "rate_limit": RateLimitSettings(60_000), **settings}
    return Endpoint(
        inference_id=inference_id,
        task_type=task_type,
        service="openai",
        service_settings=OpenAISettings(**given),
        task_settings=task_settings or OpenAITaskSettings(),
    )


def call(
    task_type: TaskType,
    *,
    seconds: float = 10.0,
    secrets: Secrets | None = None,
    attempts: int | None = None,
    **more: Any,
) -> Call:
    """A call to such an endpoint; to be made inside the loop whose clock its deadline is of."""
    return Call(
        endpoint=endpoint(task_type, **more),
        secrets=secrets or Secrets({"api_key": "sk-secret"}),
        deadline=Deadline(asyncio.get_running_loop().time() + seconds, "10s"),
        trace=Trace(),
        attempts=attempts,
    )
