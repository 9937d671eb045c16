"""Which endpoint ids may be created (Elasticsearch's MlStrings and PutInferenceModelAction)."""

import re

from inferd.errors import RequestInvalid

_VALID = re.compile(r"[a-z0-9](?:[a-z0-9_\-.]*[a-z0-9])?")


def check(inference_id: str) -> None:
    """RequestInvalid for an id that must not be; asked only where one is created or changed."""
    if not _VALID.fullmatch(inference_id) or inference_id == "_all":
        raise RequestInvalid(
            [
                f"Invalid inference_id; '{inference_id}' can contain lowercase alphanumeric (a-z and 0-9), "
                "hyphens or underscores; must start and end with alphanumeric"
            ]
        )
