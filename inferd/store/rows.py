"""An endpoint and its secrets as the row that is kept of them, and back."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from inferd.errors import Document, Failure
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.vault import SealBroken, StoreUnusable, Vault

# Turns a stored document back into an endpoint, leniently; raises a Failure, LookupError, TypeError or ValueError.
Restore = Callable[[Document, Secrets], Endpoint]


class RowDamaged(StoreUnusable):
    """One row is not what inferd writes, or no service takes it; the message says which."""


class Row(NamedTuple):
    """What is kept of one endpoint: its document (JSON), and its secrets, sealed with the key of that id."""

    document: bytes
    key_id: str
    sealed: bytes


def checked(inference_id: str, values: Sequence[object]) -> Row:
    """The row of ``values`` as read from disk; raises RowDamaged for missing ones or such of another type."""
    match values:
        case [bytes() as document, str() as key_id, bytes() as sealed]:
            return Row(document, key_id, sealed)
        case _:
            raise RowDamaged(f"the row of [{inference_id}] is damaged: its document or its secrets are missing")


def sealed(endpoint: Endpoint, secrets: Secrets, vault: Vault) -> Row:
    """The row to keep of ``endpoint``; even no secrets are sealed, so that a lost row is noticed."""
    document = msgspec.json.encode(endpoint.stored())
    # Bound to the document: with another url in it, the key would go to somebody else.
    return Row(document, vault.key_id, vault.seal(msgspec.json.encode(dict(secrets)), endpoint.inference_id, document))


def opened(inference_id: str, row: Row, vault: Vault) -> Secrets:
    """The secrets in ``row``; raises SealBroken if the row is not, byte for byte, what was kept for this id."""
    if row.key_id != vault.key_id:
        raise SealBroken(f"the secrets of [{inference_id}] were sealed with another key (id {row.key_id})")
    return Secrets(msgspec.json.decode(vault.open(row.sealed, inference_id, row.document), type=dict[str, str]))


def restored(inference_id: str, document: bytes, secrets: Secrets, restore: Restore) -> Endpoint:
    """The endpoint of ``document``; raises RowDamaged, without the secrets in it, if its service cannot read it."""
    try:
        return restore(msgspec.json.decode(document), secrets)
    except (Failure, LookupError, TypeError, ValueError) as error:
        told = " ".join(secrets.mask(str(error)).split())
        # Not ``from error``: its text is not masked.
        raise RowDamaged(f"the endpoint [{inference_id}] cannot be restored: {told}") from None
