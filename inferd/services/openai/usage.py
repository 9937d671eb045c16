"""The tokens an upstream says it used: for log and metrics only, so whatever it says is taken as it is."""

from inferd.schema.inference import Trace


def count(trace: Trace, usage: object) -> None:
    """Adds ``usage`` to the trace; what is no number of tokens counts for nothing."""
    if isinstance(usage, dict):
        trace.input_tokens += _tokens(usage.get("prompt_tokens"))
        trace.output_tokens += _tokens(usage.get("completion_tokens"))


def _tokens(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
