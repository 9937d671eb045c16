"""Endpoints of a service that has no rules, for tests of what keeps endpoints and does not understand them."""

from inferd.errors import Document
from inferd.schema.endpoint import Endpoint, Secrets, Settings, TaskType


class PlainSettings(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """One setting."""

    model_id: str | None = None


def endpoint(inference_id: str, model_id: str = "gpt-4o") -> Endpoint:
    """A completion endpoint; two of one id differ in ``model_id``."""
    return Endpoint(
        inference_id=inference_id,
        task_type=TaskType.COMPLETION,
        service="plain",
        service_settings=PlainSettings(model_id=model_id),
        task_settings=PlainSettings(),
    )


def api_key(value: str = "sk-cafe0123456789") -> Secrets:
    """Secrets with one api key."""
    return Secrets({"api_key": value})


def restore(document: Document, secrets: Secrets) -> Endpoint:
    """The endpoint of ``document``; ValueError, with the secrets in its text, for a service other than ``plain``."""
    if document["service"] != "plain":
        raise ValueError(f"unknown service\n{document['service']} with {dict(secrets)}")
    return endpoint(document["inference_id"], document["service_settings"]["model_id"])
