"""``input_type``, what a text is embedded for (Elasticsearch's InputType)."""

from inferd.errors import IllegalArgument
from inferd.rest.shape import failed_field

_INPUT_TYPES = frozenset({"ingest", "search", "classification", "clustering", "unspecified"})


def parse(raw: bytes, given: str, parser: str) -> str:
    """The name in ``given``, trimmed and in any case; MalformedContent of the body ``raw`` for another word."""
    name = given.strip().lower()
    if name in _INPUT_TYPES:
        return name
    cause = (
        f"Unrecognized input_type [{name}]"
        if name.startswith("internal_")
        else f"No enum constant org.elasticsearch.inference.InputType.{given.strip().upper()}"
    )
    raise failed_field(raw, ("input_type",), parser) from IllegalArgument(cause)
