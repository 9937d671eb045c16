"""The work that gateways are given: what the upstream answers, and how each gateway is asked for it."""

import base64
import json
import random
from array import array
from pathlib import Path
from typing import NamedTuple

from bench.gateway.programs import HOST, Gateway, ask

DIMENSIONS = 1536
BATCH = 16
TEXT = "What is the capital of France, and since when has it been that?"


class Work(NamedTuple):
    """One kind of request.

    ``upstream`` is the path at the mock upstream, ``plain`` the one nginx is asked for where that differs: the same
    answer for the client, though the upstream said it in another form. ``task`` and ``body`` are for inferd.
    """

    name: str
    task: str
    body: dict[str, object]
    upstream: str
    plain: str = ""

    def path(self, gateway: Gateway) -> str:
        """Where ``gateway`` is to be asked."""
        if gateway.name == "nginx":
            return self.plain or self.upstream
        streams = "/_unified" if self.task == "chat_completion" else ""
        return f"/_inference/{self.task}/{self.name}{streams}"


_CHAT: dict[str, object] = {"messages": [{"role": "user", "content": TEXT}]}

COMPLETION = Work("completion", "completion", {"input": TEXT}, "/file/chat.json")
EMBEDDING = Work("embedding", "text_embedding", {"input": [TEXT]}, "/file/1-base64.json", "/file/1-array.json")
EMBEDDING_ARRAY = Work("embedding-array", "text_embedding", {"input": [TEXT]}, "/file/1-array.json")
EMBEDDING_BATCH = Work(
    "embedding-batch", "text_embedding", {"input": [TEXT] * BATCH}, "/file/16-base64.json", "/file/16-array.json"
)
BURST = Work("burst", "chat_completion", _CHAT, "/sse/100/0")
PACED = Work("paced", "chat_completion", _CHAT, "/sse/100/20")
HELD = Work("held", "chat_completion", _CHAT, "/sse/5/1000")

UNARY = (COMPLETION, EMBEDDING, EMBEDDING_ARRAY, EMBEDDING_BATCH)
ALL = (*UNARY, BURST, PACED, HELD)


def write_answers(folder: Path) -> None:
    """What the upstream is to answer, as files."""
    content = "Paris has been the capital of France since the tenth century, with a few interruptions. " * 2
    message = {"role": "assistant", "content": content}
    (folder / "chat.json").write_text(
        json.dumps(
            {
                "id": "chatcmpl-abc123",
                "object": "chat.completion",
                "created": 1700000000,
                "model": "bench",
                "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 15, "completion_tokens": 40, "total_tokens": 55},
            }
        )
    )
    chance = random.Random(1)
    for count in (1, BATCH):
        vectors = [array("f", [chance.gauss(0, 0.025) for _ in range(DIMENSIONS)]) for _ in range(count)]
        texts = {
            "base64": [json.dumps(base64.b64encode(vector.tobytes()).decode()) for vector in vectors],
            "array": [f"[{','.join(f'{number:.8g}' for number in vector)}]" for vector in vectors],
        }
        for form, embeddings in texts.items():
            items = (f'{{"object":"embedding","index":{at},"embedding":{text}}}' for at, text in enumerate(embeddings))
            usage = '"usage":{"prompt_tokens":8,"total_tokens":8}'
            (folder / f"{count}-{form}.json").write_text(
                f'{{"object":"list","data":[{",".join(items)}],"model":"bench",{usage}}}'
            )


def prepare(gateway: Gateway, upstream_port: int) -> None:
    """Makes the endpoints for all work, if ``gateway`` is an inferd."""
    for work in ALL if gateway.name != "nginx" else ():
        settings = {
            "api_key": "sk-bench",
            "model_id": "bench",
            "url": f"http://{HOST}:{upstream_port}{work.upstream}",
            "rate_limit": {"requests_per_minute": 100_000_000},
        }
        document = {"service": "openai", "service_settings": settings}
        ask(gateway.port, "PUT", f"/_inference/{work.task}/{work.name}", document)
