"""What a token endpoint is asked, and what its answer means (RFC 6749, sections 2.3.1, 4.4 and 5); no I/O."""

import base64
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus, urlencode

import msgspec

from inferd import __version__
from inferd.errors import Document, Failure, StatusFailure, UpstreamRefusal, UpstreamUnreachable
from inferd.schema.endpoint import Secrets
from inferd.schema.inference import Call
from inferd.services.fields import header_problem
from inferd.services.openai.refusal import retry_after
from inferd.services.openai.settings import OpenAISettings
from inferd.upstream.client import Broken, HostUnknown, Request, Trouble, Unreachable

# Seconds by which a token is given up before its end, so that it survives the way and a short queue; a short-lived
# one is used for the greater part of its life all the same.
MARGIN = 60.0
MARGIN_SHARE = 0.25

# Seconds a token is taken to live whose answer does not say (RFC 6749 5.1 only recommends it), and any other at most;
# the upstream's 401 ends it sooner.
UNSAID_LIFETIME = 300.0
LONGEST_LIFETIME = 31 * 86_400.0


class Credentials(msgspec.Struct, frozen=True):
    """What a token is asked for with, and the key it is kept under.

    Endpoints that agree in all of it share their token, and what was got with old settings is never used with new ones.
    """

    token_url: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]

    def __repr__(self) -> str:
        return "Credentials(***)"

    @classmethod
    def of(cls, call: Call) -> "Credentials":
        """Those of the endpoint that is called; it has OAuth2 settings."""
        settings = call.endpoint.service_settings
        assert isinstance(settings, OpenAISettings)
        return cls(
            token_url=settings.token_url or "",
            client_id=settings.client_id or "",
            client_secret=call.secrets["client_secret"],
            scopes=settings.scopes or (),
        )

    @property
    def basic(self) -> str:
        """For HTTP Basic: both parts are encoded as in a form before a colon joins them (RFC 6749, 2.3.1)."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return base64.b64encode(pair.encode()).decode()

    def mask(self, text: str) -> str:
        """``text`` with what is secret here replaced by ``***``."""
        return Secrets({"client_secret": self.client_secret, "basic": self.basic}).mask(text)


class Token(msgspec.Struct, frozen=True):
    """An access token, to be used for ``lifetime`` seconds from the moment it was asked for."""

    value: str
    lifetime: float

    def __repr__(self) -> str:
        return "Token(***)"


class NoToken(Exception):
    """Why there is none; told to each who waited as a failure of its own."""

    def __init__(self, cause: str, failure: Callable[[str], Failure]) -> None:
        super().__init__(cause)
        self._failure = failure

    def failure(self, inference_id: str) -> Failure:
        """The failure for the endpoint ``inference_id``, in the words of Elasticsearch's OAuth2TokenFetcher."""
        return self._failure(f"Failed to retrieve access token for request for inference id [{inference_id}]: {self}")


def token_request(credentials: Credentials) -> Request:
    """The request for a token; the client names itself by HTTP Basic (client_secret_basic)."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"inferd/{__version__}",
        "Authorization": f"Basic {credentials.basic}",
    }
    form = {"grant_type": "client_credentials", "scope": " ".join(credentials.scopes)}
    return Request(credentials.token_url, tuple(headers.items()), urlencode(form).encode())


def token_in(status: int, headers: Mapping[str, str], body: bytes, credentials: Credentials) -> Token:
    """The token in an answer; NoToken where it has none."""
    answer = _document(body)
    if not 200 <= status < 300:
        raise _refused(status, headers, answer, credentials)
    value, kind = answer.get("access_token"), answer.get("token_type", "bearer")
    if not isinstance(value, str) or not value or header_problem(value) is not None:
        raise nonsense("the answer of the token URL holds no access token that can be sent")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise nonsense("the answer of the token URL holds a token that is no bearer token")
    lifetime = _lifetime(answer.get("expires_in"))
    return Token(value, lifetime - min(MARGIN, lifetime * MARGIN_SHARE))


def no_answer(trouble: Trouble, credentials: Credentials) -> NoToken:
    """What is told when no answer came about."""
    match trouble:
        case HostUnknown():
            cause = f"Invalid host [{credentials.token_url}], please check that the URL is correct."
            return NoToken(cause, lambda reason: UpstreamUnreachable(reason, 400))
        case Unreachable():
            return NoToken(str(trouble), lambda reason: UpstreamUnreachable(reason, 502))
        case Broken():
            return nonsense(str(trouble))
        case _:
            return NoToken(str(trouble), lambda reason: StatusFailure(reason, 400))


def nonsense(cause: str) -> NoToken:
    """What is told of an answer that is none."""
    return NoToken(cause, lambda reason: UpstreamRefusal(reason, 502))


def _document(body: bytes) -> Document:
    """The JSON object in ``body``, empty where there is none."""
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _lifetime(expires_in: object) -> float:
    """Seconds, from a number or, as some servers write it, a string of digits."""
    if isinstance(expires_in, str) and expires_in.isdecimal():
        expires_in = float(expires_in)
    if isinstance(expires_in, int | float):
        return float(max(0, min(expires_in, LONGEST_LIFETIME)))
    return UNSAID_LIFETIME


def _refused(status: int, headers: Mapping[str, str], answer: Document, credentials: Credentials) -> NoToken:
    """``[<error code>] <description>`` of RFC 6749 5.2, or the status where the answer has no such form."""
    told, description = answer.get("error"), answer.get("error_description")
    if isinstance(told, str):
        cause = f"[{told}] {description}" if isinstance(description, str) else f"[{told}]"
    else:
        cause = f"[{status}] the token URL gave no reason"
    kept = retry_after(headers, credentials.mask)
    return NoToken(
        credentials.mask(cause),
        lambda reason: UpstreamRefusal(reason, _status(status), upstream_status=status, headers=kept),
    )


def _status(status: int) -> int:
    """What the client is told: the credentials are wrong, or it should come back later, or the other side is ill."""
    if 400 <= status < 500:
        return 429 if status == 429 else 401
    return status if status in (503, 504) else 502
