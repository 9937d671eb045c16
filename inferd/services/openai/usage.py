"""The tokens an upstream says it used: for log and metrics only, so nothing it says is an error."""

from inferd.schema.inference import Trace

# Nobody uses as many in one request. From here on a metric, which is a float, would not tell one number from the next.
MOST = 2**53


def count(trace: Trace, usage: object) -> None:
    """Adds ``usage``, that of one answer; what is no number of tokens counts for nothing."""
    if isinstance(usage, dict):
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        # Without ``_tokens``: that would be two more calls for nearly every request.
        if isinstance(read, int) and 0 < read <= MOST:
            trace.input_tokens += read
        if isinstance(written, int) and 0 < written <= MOST:
            trace.output_tokens += written


def note(trace: Trace, usage: object) -> None:
    """Takes what a stream has used so far: some upstreams say so at its end, others with every chunk."""
    if isinstance(usage, dict):
        trace.input_tokens = _tokens(usage.get("prompt_tokens")) or trace.input_tokens
        trace.output_tokens = _tokens(usage.get("completion_tokens")) or trace.output_tokens


def _tokens(number: object) -> int:
    return number if isinstance(number, int) and 0 < number <= MOST else 0
