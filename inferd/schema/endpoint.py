"""An inference endpoint as it is stored, shown and handed to its service."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from inferd.errors import Document, StatusFailure
from inferd.schema.chunking import ChunkingSettings


class TaskType(StrEnum):
    """What an endpoint does; ``any`` is a URL's way to leave it open (Elasticsearch's TaskType, in its order)."""

    TEXT_EMBEDDING = "text_embedding"
    SPARSE_EMBEDDING = "sparse_embedding"
    RERANK = "rerank"
    COMPLETION = "completion"
    ANY = "any"
    CHAT_COMPLETION = "chat_completion"
    EMBEDDING = "embedding"

    @classmethod
    def parse(cls, text: str) -> "TaskType":
        """The task type of ``text``, trimmed and in any case; StatusFailure 400 for another word."""
        try:
            return cls(text.strip().lower())
        except ValueError:
            raise StatusFailure(f"Unknown task_type [{text}]") from None


EMBEDDING_TASKS = frozenset({TaskType.TEXT_EMBEDDING, TaskType.SPARSE_EMBEDDING, TaskType.EMBEDDING})


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Settings of a service or a task: a service subclasses it, fields in the order they are shown.

    A field at its default is neither shown nor stored, so an absent value is None.
    """

    @property
    def requests_per_minute(self) -> int | None:
        """The rate that is put in force when the settings are stored; None where the service keeps none."""
        return None

    def stored(self) -> Document:
        """What goes to disk; the service must be able to read it back."""
        document: Document = msgspec.to_builtins(self)
        return document

    def shown(self) -> Document:
        """What a client may see: no secrets, nothing internal."""
        return self.stored()


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint, without its secrets: those live in Secrets, so that no answer can print them by mistake."""

    inference_id: str
    task_type: TaskType
    service: str
    service_settings: Settings
    task_settings: Settings
    chunking_settings: ChunkingSettings | None = None

    def stored(self) -> Document:
        """The document the store keeps."""
        return self._document(self.service_settings.stored(), self.task_settings.stored())

    def shown(self) -> Document:
        """The document of GET, PUT and ``_update``, keys in the order of Elasticsearch's ModelConfigurations."""
        return self._document(self.service_settings.shown(), self.task_settings.shown())

    def _document(self, service_settings: Document, task_settings: Document) -> Document:
        document: Document = {
            "inference_id": self.inference_id,
            "task_type": self.task_type.value,
            "service": self.service,
            "service_settings": service_settings,
        }
        if task_settings:
            document["task_settings"] = task_settings
        if self.chunking_settings is not None:
            document["chunking_settings"] = msgspec.to_builtins(self.chunking_settings)
        return document


class Secrets(Mapping[str, str]):
    """The secret settings of one endpoint, by name; never printed, whatever prints them."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "Secrets(***)"

    def __reduce__(self) -> Any:
        raise TypeError("secrets are not pickled")

    def mask(self, text: str) -> str:
        """``text`` with every secret in it replaced by ``***``: an upstream may echo the key it was sent."""
        for value in sorted(self._values.values(), key=len, reverse=True):
            text = text.replace(value, "***")
        return text
