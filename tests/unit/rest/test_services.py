"""``GET _inference/_services``."""

from tests.served import Served


async def test_services_by_task(inferd: Served) -> None:
    every = (await inferd.ask("GET", "/_inference/_services")).json
    assert [service["service"] for service in every] == ["openai"]
    assert every[0]["task_types"] == ["text_embedding", "completion", "chat_completion", "embedding"]
    assert (await inferd.ask("GET", "/_inference/_services/embedding")).json == every
    assert (await inferd.ask("GET", "/_inference/_services/rerank")).json == []
