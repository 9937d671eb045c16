"""Rate limits: for each inference id one bucket that leaks, and one queue in front of it, first come first served.

The bucket is an aiolimiter ``AsyncLimiter``; the queue is ours, because in the limiter's own a newcomer overtakes,
everyone sets a timer, and nobody can be told of another rate. Three rules keep the two together:

1. Who is in the queue was there first: a newcomer goes straight to the bucket only when the queue is empty.
2. Only the head of the queue waits for the bucket, and it stays in the queue until it has its place or gives up.
   So there is one timer an endpoint, and whoever leaves the queue, in whatever way, calls the next head.
3. A place is taken by the task that asked for it, in the step in which it wakes. Nothing is handed over, so one
   cancelled between being woken and waking has taken nothing, and nothing has to be given back.

Over any 60 seconds at most ``bucket + requests_per_minute`` places are given: over any time t ``bucket`` and what leaks
in it, plus at most ``LATENESS`` seconds' worth where ``burst`` makes the bucket small and leak slower for that (see
``bucket``). The clock is the event loop's, which is monotonic.
"""

from inferd.ratelimit.limit import QueueFull, RateLimit
from inferd.ratelimit.limits import RateLimits

__all__ = ["QueueFull", "RateLimit", "RateLimits"]
