"""The tokens an upstream says it used: for log and metrics only, so whatever it says is taken as it is."""

from inferd.schema.inference import Trace


def count(trace: Trace, usage: object) -> None:
    """Adds ``usage`` to the trace; what is no number of tokens counts for nothing."""
    if isinstance(usage, dict):
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if isinstance(read, int) and read > 0:
            trace.input_tokens += read
        if isinstance(written, int) and written > 0:
            trace.output_tokens += written
