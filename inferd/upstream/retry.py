"""How often a request is sent, and how long the pauses in between are (Elasticsearch's RetrySettings)."""

import random
import time
from datetime import UTC
from email.utils import parsedate_to_datetime

# Requests in all, the first one included: Elasticsearch calls the constant its most retries, but counts attempts.
ATTEMPTS = 3

# Seconds.
FIRST_DELAY = 1.0
LONGEST_DELAY = 5.0


def delay(attempt: int, retry_after: str = "") -> float:
    """Seconds to wait after the ``attempt``-th attempt, 1 being the first.

    Half to the whole of a bound that starts at FIRST_DELAY and doubles up to LONGEST_DELAY; more where the upstream
    asked for more by its ``Retry-After``.
    """
    bound: float = min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)
    return max(random.uniform(bound / 2, bound), _asked_for(retry_after))


def _asked_for(retry_after: str) -> float:
    """The seconds in a ``Retry-After``, or until the date in it (RFC 9110, section 10.2.3); 0.0 where it is neither."""
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
        # The one form of a date that names no zone is in UTC like the others (RFC 9110, section 5.6.7).
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
