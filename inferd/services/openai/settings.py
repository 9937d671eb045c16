"""The settings of the openai service: what a request may say, what is kept, what is shown, what may change.

Elasticsearch's OpenAiEmbeddingsServiceSettings, OpenAiChatCompletionServiceSettings, OpenAiTaskSettings,
OpenAiSecretSettings and OpenAiOAuth2Settings; the order in which fields are taken is the order of their problems.
"""

import re
from collections.abc import Callable

import msgspec

from inferd.errors import Document, ValidationFailed
from inferd.schema.endpoint import EMBEDDING_TASKS, Secrets, Settings, TaskType
from inferd.services.fields import Fields, header_problem, told
from inferd.upstream.addresses import BadUrl
from inferd.xcontent import java_class, java_text

SCOPE = "service_settings"
SIMILARITIES = ("cosine", "dot_product", "l2_norm")
DEFAULT_RATES = {
    TaskType.TEXT_EMBEDDING: 3000,
    TaskType.EMBEDDING: 3000,
    TaskType.COMPLETION: 500,
    TaskType.CHAT_COMPLETION: 500,
}
OAUTH2_FIELDS = ("client_id", "scopes", "token_url")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")

# These frame the message or name the connection; set by hand they would break it or smuggle another. The first would
# bring answers in an encoding that nobody undoes.
_RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

CheckUrl = Callable[[str], None]


class RateLimitSettings(msgspec.Struct, frozen=True):
    """Always shown, with its default too."""

    requests_per_minute: int


class OpenAISettings(Settings, frozen=True, kw_only=True):
    """Service settings, in the order in which they are shown."""

    client_id: str | None = None
    scopes: tuple[str, ...] | None = None
    token_url: str | None = None
    model_id: str
    url: str | None = None
    organization_id: str | None = None
    similarity: str | None = None
    dimensions: int | None = None
    max_input_tokens: int | None = None
    rate_limit: RateLimitSettings
    dimensions_set_by_user: bool = False

    @property
    def requests_per_minute(self) -> int:
        """See Settings."""
        return self.rate_limit.requests_per_minute

    def shown(self) -> Document:
        """See Settings; whether the user asked for the dimensions is our own affair."""
        document = self.stored()
        document.pop("dimensions_set_by_user", None)
        return document


class OpenAITaskSettings(Settings, frozen=True, kw_only=True):
    """Task settings; the same for all tasks."""

    user: str | None = None
    headers: dict[str, str] | None = None


def parse_service_settings(fields: Fields, task_type: TaskType, check_url: CheckUrl) -> OpenAISettings:
    """The service settings of a PUT; ValidationFailed with all problems, secrets not looked at."""
    url = _url(fields, "url", check_url)
    organization_id = fields.header_value("organization_id")
    embeds = task_type in EMBEDDING_TASKS
    similarity = fields.choice("similarity", SIMILARITIES) if embeds else None
    max_input_tokens = fields.positive_integer("max_input_tokens")
    dimensions = fields.positive_integer("dimensions") if embeds else None
    model_id = fields.string("model_id", required=True)
    requests_per_minute = fields.requests_per_minute() or DEFAULT_RATES[task_type]
    client_id, scopes, token_url = _oauth2(fields, check_url)
    fields.done()
    return OpenAISettings(
        client_id=client_id,
        scopes=scopes,
        token_url=token_url,
        model_id=model_id or "",
        url=url,
        organization_id=organization_id,
        similarity=similarity,
        dimensions=dimensions,
        max_input_tokens=max_input_tokens,
        rate_limit=RateLimitSettings(requests_per_minute),
        dimensions_set_by_user=dimensions is not None,
    )


def update_service_settings(old: OpenAISettings, fields: Fields, check_url: CheckUrl) -> OpenAISettings:
    """``old`` with what may change taken from ``fields``; what may not is left over there."""
    organization_id = fields.header_value("organization_id")
    max_input_tokens = fields.positive_integer("max_input_tokens")
    requests_per_minute = fields.requests_per_minute()
    client_id, scopes, token_url = old.client_id, old.scopes, old.token_url
    if old.client_id is not None:
        client_id = fields.header_value("client_id") or client_id
        scopes = fields.strings("scopes") or scopes
        token_url = _url(fields, "token_url", check_url) or token_url
    fields.done()
    return msgspec.structs.replace(
        old,
        client_id=client_id,
        scopes=scopes,
        token_url=token_url,
        organization_id=organization_id or old.organization_id,
        max_input_tokens=max_input_tokens or old.max_input_tokens,
        rate_limit=RateLimitSettings(requests_per_minute) if requests_per_minute else old.rate_limit,
    )


def parse_secrets(fields: Fields, *, oauth2: bool) -> Secrets:
    """Exactly one of ``api_key`` and ``client_secret``, which must fit the OAuth2 fields being there or not."""
    given = {name: fields.has(name) for name in ("api_key", "client_secret")}
    values = {name: fields.header_value(name, scope="secret_settings") for name in given}
    names = [name for name, is_given in given.items() if is_given]
    rule = f"[{SCOPE}] must have exactly one field of [api_key, client_secret] set"
    if not names:
        fields.problems.append(rule)
    elif len(names) == 2:
        fields.problems.append(f"{rule}, received: [api_key, client_secret]")
    elif names == ["client_secret"] and not oauth2:
        fields.problems.append("OAuth2 requires the fields [client_id, scopes, token_url], to be set.")
    elif names == ["api_key"] and oauth2:
        fields.problems.append(f"[{SCOPE}] OAuth2 fields are used with [client_secret], received: [api_key]")
    fields.done()
    return Secrets({name: value for name, value in values.items() if value is not None})


def update_secrets(old: Secrets, fields: Fields) -> Secrets:
    """``old``, or the new value of the same kind of secret."""
    (kind,) = old
    other = "client_secret" if kind == "api_key" else "api_key"
    if fields.has(other):
        raise ValidationFailed(
            [f"[{SCOPE}] only the field [{kind}] can be updated for this secret, received: [{other}]"]
        )
    value = fields.header_value(kind, scope="secret_settings")
    fields.done()
    return old if value is None else Secrets({kind: value})


def task_fields(settings: Document | None) -> Fields:
    """``settings`` to be read by one of the two that follow, which leave over what is unknown."""
    return Fields(settings or {}, "task_settings")


def parse_task_settings(fields: Fields) -> OpenAITaskSettings:
    """Task settings of a PUT; ValidationFailed with all problems."""
    user = fields.string("user")
    headers = _headers(fields)
    fields.done()
    return OpenAITaskSettings(user=user, headers=headers)


def override_task_settings(old: OpenAITaskSettings, fields: Fields) -> OpenAITaskSettings:
    """``old`` with what ``fields`` of an ``_update`` or of one request say instead, ``headers`` as a whole.

    What they do not name stays, what they name as null (``headers`` as ``{}``, too) is cleared. See
    ``parse_task_settings`` for the failures.
    """
    named = set(fields.leftover)
    given = parse_task_settings(fields)
    return OpenAITaskSettings(
        user=given.user if "user" in named else old.user,
        headers=given.headers if "headers" in named else old.headers,
    )


def _url(fields: Fields, name: str, check_url: CheckUrl) -> str | None:
    url = fields.string(name)
    if url is None:
        return None
    try:
        check_url(url)
    except BadUrl as problem:
        shown = "***" if "@" in url else url
        fields.problems.append(
            f"[{SCOPE}] Invalid url [{shown}] received for field [{name}]. "
            f"Error: unable to parse url [{shown}]. Reason: {problem}"
        )
        return None
    return url


def _oauth2(fields: Fields, check_url: CheckUrl) -> tuple[str | None, tuple[str, ...] | None, str | None]:
    missing = [name for name in OAUTH2_FIELDS if not fields.has(name)]
    client_id = fields.header_value("client_id")
    scopes = fields.strings("scopes")
    token_url = _url(fields, "token_url", check_url)
    pair = [name for name in missing if name != "token_url"]
    if len(pair) == 1:
        fields.problems.append(
            f"[{SCOPE}] OAuth2 fields [client_id, scopes] must be provided together; missing: [{pair[0]}]"
        )
    elif 0 < len(missing) < 3:
        fields.problems.append(
            f"[{SCOPE}] all OpenAI OAuth2 fields must be provided together; missing: [{', '.join(missing)}]"
        )
    return client_id, scopes, token_url


def _headers(fields: Fields) -> dict[str, str] | None:
    given = fields.leftover.pop("headers", None)
    if given is None:
        return None
    if not isinstance(given, dict):
        text = told("headers", given)
        raise ValidationFailed(
            [f"field [headers] is not of the expected type. The value [{text}] cannot be converted to a [Map]"]
        )
    headers = {}
    for name, value in given.items():
        if value is None:
            continue
        problem = _header_problem(name, value)
        if problem is not None:
            fields.problems.append(problem)
        else:
            headers[name] = value
    return headers or None


def _header_problem(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        # A credential is text, here perhaps within a list; a number is none, whatever the header is called.
        text = told(name, value) if isinstance(value, dict | list) else java_text(value)
        return (
            f"Map field [headers] has an entry that is not valid, [{name} => {text}]. "
            f"Value type of [{java_class(value)}] is not one of [String]."
        )
    if not _HEADER_NAME.fullmatch(name):
        return "[task_settings] Invalid value. [headers] has a name that is no HTTP header name"
    if name.lower() in _RESERVED_HEADERS:
        return f"[task_settings] Invalid value. [headers] must not contain [{name}]"
    problem = header_problem(value)
    return f"[task_settings] Invalid value. [headers] entry [{name}] {problem}" if problem else None
