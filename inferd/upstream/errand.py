"""What is sent upstream, with all that it takes, and the failures that it can end in without a refusal."""

from collections.abc import Callable, Mapping

import msgspec

from inferd.errors import Failure, StatusFailure, UpstreamUnreachable
from inferd.ratelimit import RateLimit
from inferd.schema.inference import Call
from inferd.upstream.client import HostUnknown, Refused, Request, Trouble, Unreachable
from inferd.upstream.retry import ATTEMPTS


class Refusal(msgspec.Struct, frozen=True):
    """What is made of an answer other than 2xx; ``again`` when the same request may succeed later."""

    failure: Failure
    again: bool


class Errand(msgspec.Struct, frozen=True):
    """One request to be sent, and all it takes.

    ``what`` names it in failures ("OpenAI embeddings"); ``refusal`` turns status, headers and the beginning of the
    body of a refused request into words.
    """

    call: Call
    limit: RateLimit
    request: Request
    what: str
    refusal: Callable[[int, Mapping[str, str], bytes], Refusal]
    attempts: int = ATTEMPTS

    def failed(self, cause: str, status: int) -> StatusFailure:
        """The failure for an upstream that said something, but no answer (Elasticsearch's ActionUtils)."""
        return StatusFailure(self.reason(cause), status)

    def timed_out(self) -> Failure:
        """The failure for a time that is over."""
        return self.call.deadline.failure(self.call.inference_id)

    def unanswered(self, trouble: Trouble) -> Failure:
        """The failure for a request without an answer.

        An unknown host is the only one that Elasticsearch words otherwise; the status is 400 where the endpoint's
        settings are to blame.
        """
        match trouble:
            case HostUnknown():
                url = self.call.secrets.mask(self.request.url)
                return UpstreamUnreachable(f"Invalid host [{url}], please check that the URL is correct.", 400)
            case Unreachable():
                return UpstreamUnreachable(self.reason(str(trouble)), 502)
            case Refused():
                return self.failed(str(trouble), 400)
            case _:
                return self.failed(str(trouble), 502)

    def reason(self, cause: str) -> str:
        """``cause`` in Elasticsearch's frame."""
        return f"Failed to send {self.what} request. Cause: {cause}"
