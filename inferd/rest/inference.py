"""``POST _inference/{task_type}/{id}``: one JSON answer."""

import msgspec

from inferd.rest import answer, inference_request, long_answer
from inferd.rest.answer import Answer
from inferd.rest.request import Request
from inferd.schema.endpoint import TaskType
from inferd.schema.inference import Completions, Embeddings, Results


class _Embedding(msgspec.Struct):
    embedding: msgspec.Raw


class _Completion(msgspec.Struct):
    result: str


async def handle(request: Request) -> Answer:
    """The results under the name of their task type."""
    endpoint, asked = await inference_request.read(request)
    service = request.parts.services.of(endpoint)
    results = await service.infer(request.call(endpoint), asked)
    if isinstance(results, Completions):
        return answer.json(document(endpoint.task_type, results))
    aside = request.parts.aside
    if isinstance(results, Embeddings):
        return await long_answer.listed(aside, _name(endpoint.task_type), results.vectors, "embedding")
    return await long_answer.listed(aside, "chunked_inference_service_result", results.inputs)


def document(task_type: TaskType, results: Results) -> dict[str, object]:
    """The answer's body (Elasticsearch's DenseEmbeddingFloatResults, GenericDenseEmbeddingFloatResults …)."""
    if isinstance(results, Completions):
        return {"completion": list(map(_Completion, results.texts))}
    if isinstance(results, Embeddings):
        return {_name(task_type): list(map(_Embedding, results.vectors))}
    return {"chunked_inference_service_result": results.inputs}


def _name(task_type: TaskType) -> str:
    return "embeddings" if task_type is TaskType.EMBEDDING else "text_embedding"
