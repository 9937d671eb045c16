"""Reads the settings of a request field by field and collects every problem in Elasticsearch's words (ServiceUtils)."""

from collections.abc import Collection
from typing import Any

from inferd.errors import Document, StatusFailure, ValidationFailed
from inferd.xcontent import java_text

MAX_HEADER_VALUE = 4096

# A setting whose name holds one of these is a secret, misspelled or misplaced: its value is never repeated.
_SECRET_WORDS = ("key", "secret", "token", "password", "auth", "credential")

# Tokens of the other sort.
_NO_SECRETS = frozenset({"max_input_tokens"})


class Fields:
    """One object of settings, from which known fields are taken; what is left at the end is unknown.

    ``scope`` is how problems name the object (``service_settings``). A wrong field reads as None and adds to
    ``problems``; null counts as absent. You call ``done`` when all fields are taken.
    """

    def __init__(self, settings: Document, scope: str) -> None:
        self._settings = dict(settings)
        self._scope = scope
        self.problems: list[str] = []

    @property
    def leftover(self) -> Document:
        """What nobody took."""
        return self._settings

    def split(self, *names: str) -> "Fields":
        """The fields ``names`` as an object of their own, whose problems are told apart from these."""
        taken = {name: self._settings.pop(name) for name in names if name in self._settings}
        return Fields(taken, self._scope)

    def done(self) -> None:
        """ValidationFailed with every problem found."""
        if self.problems:
            raise ValidationFailed(self.problems)

    def has(self, name: str) -> bool:
        """True if the field is given and not null."""
        return self._settings.get(name) is not None

    def string(self, name: str, *, required: bool = False) -> str | None:
        """A non-empty string."""
        value = self._take(name, str, "String")
        if value is None:
            if required and not self._complained(name):
                self._problem(f"[{self._scope}] does not contain the required setting [{name}]")
            return None
        if not value:
            self._problem(f"[{self._scope}] Invalid value empty string. [{name}] must be a non-empty string")
            return None
        return str(value)

    def header_value(self, name: str, *, scope: str | None = None) -> str | None:
        """A non-empty string that may stand in an HTTP header; a string is in no message."""
        scope = scope or self._scope
        value = self._settings.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong_type(name, value, "String")
        elif not value:
            self._problem(f"[{scope}] Invalid value empty string. [{name}] must be a non-empty string")
        elif (problem := header_problem(value)) is not None:
            self._problem(f"[{scope}] Invalid value. [{name}] {problem}")
        else:
            return value
        return None

    def positive_integer(self, name: str) -> int | None:
        """A positive 32-bit integer."""
        value = self._take(name, int, "Integer")
        if value is not None and not -(2**31) <= value < 2**31:
            self._wrong_type(name, value, "Integer")
            return None
        if value is not None and value <= 0:
            self._problem(f"[{self._scope}] Invalid value [{value}]. [{name}] must be a positive integer")
            return None
        return None if value is None else int(value)

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """One of ``choices``, in any case."""
        value = self.string(name)
        if value is not None and value.lower() not in choices:
            listed = ", ".join(sorted(choices))
            self._problem(f"[{self._scope}] Invalid value [{value}] received. [{name}] must be one of [{listed}]")
            return None
        return None if value is None else value.lower()

    def strings(self, name: str) -> tuple[str, ...] | None:
        """A non-empty list of non-empty strings."""
        values = self._take(name, list, "List")
        if values is None:
            return None
        for value in values:
            if not isinstance(value, str):
                self._wrong_type(name, value, "String")
                return None
        if not all(values):
            self._problem(f"[{self._scope}] Invalid value empty string. [{name}] must be a non-empty string")
            return None
        if not values:
            self._problem(f"[{self._scope}] Invalid value empty list. [{name}] must be a non-empty list")
            return None
        return tuple(values)

    def requests_per_minute(self) -> int | None:
        """``rate_limit.requests_per_minute``, a positive 64-bit integer (Elasticsearch's RateLimitSettings)."""
        settings = self._take("rate_limit", dict, "Map")
        if settings is None:
            return None
        rest = dict(settings)
        value = rest.pop("requests_per_minute", None)
        if rest:
            self._problem(f"Rate limit settings contain unknown entries [{shown(rest)}]")
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
            self._problem(
                "field [requests_per_minute] is not of one of the expected types. "
                f"The value [{told('requests_per_minute', value)}] cannot be converted to one of [Integer, Long]"
            )
            return None
        if value <= 0:
            self._problem(f"[rate_limit] Invalid value [{value}]. [requests_per_minute] must be a positive long")
            return None
        return value

    def _take(self, name: str, kind: type, java_kind: str) -> Any:
        value = self._settings.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool):
            self._wrong_type(name, value, java_kind)
            return None
        return value

    def _wrong_type(self, name: str, value: object, java_kind: str) -> None:
        self._problem(
            f"field [{name}] is not of the expected type. "
            f"The value [{told(name, value)}] cannot be converted to a [{java_kind}]"
        )

    def _complained(self, name: str) -> bool:
        return any(f"[{name}]" in problem for problem in self.problems)

    def _problem(self, text: str) -> None:
        self.problems.append(text)


def object_in(body: Document, name: str) -> Document | None:
    """Takes the object ``name`` out of ``body``; None if absent, ValidationFailed if it is something else."""
    value = body.pop(name, None)
    if value is not None and not isinstance(value, dict):
        raise ValidationFailed(
            [
                f"field [{name}] is not of the expected type. "
                f"The value [{told(name, value)}] cannot be converted to a [Map]"
            ]
        )
    return value


def refuse_unknown(service: str, *leftovers: Document) -> None:
    """StatusFailure 400 for the first of ``leftovers`` that is not empty, as Elasticsearch prints it."""
    for leftover in leftovers:
        if leftover:
            raise StatusFailure(
                f"Configuration contains settings [{shown(leftover)}] unknown to the [{service}] service"
            )


def shown(settings: Document) -> str:
    """``settings`` as Java prints a map, without the values of what looks like a secret."""
    return java_text(masked(settings))


def told(name: str, value: object) -> str:
    """The ``value`` of a setting ``name`` as an error may repeat it."""
    return "***" if _is_secret(name) else java_text(masked(value))


def masked(value: object) -> object:
    """``value`` with ``***`` for everything under a secret-looking name, and for a URL that may hold a password."""
    if isinstance(value, str) and "://" in value and "@" in value:
        return "***"
    if isinstance(value, dict):
        return {name: "***" if _is_secret(name) else masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def header_problem(value: str) -> str | None:
    """What keeps ``value`` out of an HTTP header: CR, LF, NUL and the like must never reach an upstream."""
    if len(value) > MAX_HEADER_VALUE:
        return f"must not be longer than {MAX_HEADER_VALUE} characters"
    if any(not " " <= character <= "~" for character in value):
        return "must consist of printable ASCII characters"
    return None


def _is_secret(name: str) -> bool:
    return name not in _NO_SECRETS and any(word in name.lower() for word in _SECRET_WORDS)
