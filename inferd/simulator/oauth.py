"""POST /oauth/token: client credentials for tokens that the other routes then accept."""

import time
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import parse_qs, unquote_plus

from inferd.simulator.answers import Answer, Refused, document
from inferd.simulator.faults import Memory, named, parts

LIFETIME = 3600
SHORT_LIFETIME = 1
WRONG_SECRET = "sim-wrong"

_PREFIX = "sim-token-"
_OWN_SCOPES = ("sim-short", "sim-revoked")
_MAX_FIELDS = 32


class Tokens:
    """The tokens a server has issued; ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._issued = 0
        # The end of each token's life, and how often it may be used (None for always).
        self._valid: dict[str, tuple[float, int | None]] = {}

    def issue(self, lifetime: int, uses: int | None) -> str:
        """A new token for ``lifetime`` seconds; numbered, so that a client can be seen to have fetched another."""
        now = self._clock()
        self._valid = {token: valid for token, valid in self._valid.items() if valid[0] > now}
        self._issued += 1
        token = f"{_PREFIX}{self._issued}"
        self._valid[token] = (now + lifetime, uses)
        return token

    def accepts(self, key: str) -> bool:
        """Whether ``key`` is a token that still holds, or no token at all; using it counts."""
        if not key.startswith(_PREFIX):
            return True
        end, uses = self._valid.get(key, (0.0, 0))
        if uses == 0 or end <= self._clock():
            return False
        self._valid[key] = (end, None if uses is None else uses - 1)
        return True


def answer(body: bytes, authorization: str, tokens: Tokens, memory: Memory) -> Answer:
    """A token; Refused in the shape of RFC 6749 for a wrong request, and as ever for faults among the scopes."""
    form = _form(body)
    client, secret = _credentials(form, authorization)
    if not client or not secret or secret == WRONG_SECRET:
        raise Refused(_problem(401, "invalid_client", "The client's credentials are missing or wrong."))
    if form.get("grant_type") != "client_credentials":
        raise Refused(_problem(400, "unsupported_grant_type", "The grant_type must be client_credentials."))
    scopes = parts(form.get("scope", ""))
    fault = named(" ".join(scope for scope in scopes if scope not in _OWN_SCOPES), memory)
    fault.check(secret)
    lifetime = SHORT_LIFETIME if "sim-short" in scopes else LIFETIME
    token = tokens.issue(lifetime, 1 if "sim-revoked" in scopes else None)
    granted = {"scope": " ".join(scopes)} if scopes else {}
    return fault.spoil(document({"access_token": token, "token_type": "Bearer", "expires_in": lifetime} | granted))


def _form(body: bytes) -> dict[str, str]:
    try:
        form = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Refused(_problem(400, "invalid_request", "The body is not a form.")) from None
    return {name: values[0] for name, values in form.items()}


def _credentials(form: dict[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client, _, secret = b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return "", ""
    # RFC 6749 2.3.1 encodes both as in a form before Basic does.
    return unquote_plus(client), unquote_plus(secret)


def _problem(status: int, error: str, description: str) -> Answer:
    headers = {"www-authenticate": "Basic"} if status == 401 else {}
    return document({"error": error, "error_description": description}, status, headers)
