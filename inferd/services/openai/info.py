"""How the openai service describes its settings in ``GET _inference/_services``."""

from collections.abc import Mapping

from inferd.schema.endpoint import TaskType
from inferd.services import SettingInfo

_ALL = [TaskType.TEXT_EMBEDDING, TaskType.COMPLETION, TaskType.CHAT_COMPLETION, TaskType.EMBEDDING]
_EMBEDDING = [TaskType.TEXT_EMBEDDING, TaskType.EMBEDDING]


def _info(
    label: str,
    kind: str,
    description: str,
    *,
    required: bool = False,
    sensitive: bool = False,
    updatable: bool = False,
    tasks: list[TaskType] | None = None,
) -> SettingInfo:
    return SettingInfo(
        description=description,
        label=label,
        required=required,
        sensitive=sensitive,
        updatable=updatable,
        type=kind,
        supported_task_types=tasks or _ALL,
    )


def settings_info() -> Mapping[str, SettingInfo]:
    """The settings by name, in the order of Elasticsearch's answer; keys, types and flags are its, words are ours."""
    return {
        "headers": _info("Custom Headers", "map", "Headers sent with every request to the provider.", updatable=True),
        "api_key": _info(
            "API Key",
            "str",
            "The provider's key. Give either this or the OAuth2 client secret.",
            sensitive=True,
            updatable=True,
        ),
        "organization_id": _info("Organization ID", "str", "The organization that requests are billed to."),
        "rate_limit.requests_per_minute": _info(
            "Rate Limit",
            "int",
            "Requests a minute that reach the provider: 3000 for text_embedding and embedding, "
            "500 for completion and chat_completion, unless set.",
        ),
        "model_id": _info("Model ID", "str", "The name of the model to use.", required=True),
        "client_secret": _info(
            "OAuth2 Client Secret",
            "str",
            "The secret of the OAuth2 client. Give either this or an API key.",
            sensitive=True,
            updatable=True,
        ),
        "scopes": _info("OAuth2 Scopes", "list", "The scopes a token is asked for.", updatable=True),
        "token_url": _info("OAuth2 Token URL", "str", "Where tokens are fetched.", updatable=True),
        "url": _info("URL", "str", "The whole URL requests go to, if not OpenAI's own."),
        "client_id": _info("OAuth2 Client ID", "str", "The OAuth2 client's id.", updatable=True),
        "dimensions": _info(
            "Dimensions", "int", "The number of dimensions an embedding should have.", tasks=_EMBEDDING
        ),
    }
