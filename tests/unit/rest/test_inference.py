"""``POST _inference``: results under the name of their task."""

import msgspec
import pytest

from inferd.rest.inference import document
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Completions, Embeddings, Passages, Results
from inferd.steps import LONG
from tests.served import Served


@pytest.mark.parametrize(
    ("task_type", "results", "told"),
    [
        (TaskType.TEXT_EMBEDDING, Embeddings([msgspec.Raw(b"[1.50]")]), b'{"text_embedding":[{"embedding":[1.50]}]}'),
        (TaskType.EMBEDDING, Embeddings([]), b'{"embeddings":[]}'),
        (TaskType.COMPLETION, Completions(["a", "b"]), b'{"completion":[{"result":"a"},{"result":"b"}]}'),
        (TaskType.EMBEDDING, Passages([msgspec.Raw(b"{}")]), b'{"chunked_inference_service_result":[{}]}'),
    ],
)
def test_each_kind_of_result_has_its_name(task_type: TaskType, results: Results, told: bytes) -> None:
    assert msgspec.json.encode(document(task_type, results)) == told


async def test_what_the_service_answers_is_answered(inferd: Served) -> None:
    await inferd.put("e", "text_embedding", dimensions=2)
    answer = await inferd.ask("POST", "/_inference/e", {"input": ["a", "b"]})
    assert [len(vector["embedding"]) for vector in answer.json["text_embedding"]] == [2, 2]
    chunked = await inferd.ask("POST", "/_inference/e", {"input": ["a"], "chunk": True})
    assert [list(one) for one in chunked.json["chunked_inference_service_result"]] == [["chunks"]]
    await inferd.put("c", "completion")
    completed = await inferd.ask("POST", "/_inference/c", {"input": ["a"]})
    assert [list(one) for one in completed.json["completion"]] == [["result"]]


async def test_many_vectors_have_the_form_of_few(inferd: Served) -> None:
    await inferd.put("e", "text_embedding", dimensions=64)
    texts = [str(number) for number in range(600)]
    answer = await inferd.ask("POST", "/_inference/e", {"input": texts})
    assert len(answer.body) > LONG
    single = await inferd.ask("POST", "/_inference/e", {"input": texts[-1]})
    assert len(answer.json["text_embedding"]) == len(texts)
    assert answer.json["text_embedding"][-1:] == single.json["text_embedding"]
