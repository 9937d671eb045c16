"""An endpoint becomes a row and back; a row that is not what was written is named."""

from pathlib import Path

import pytest

from inferd.errors import Document, StatusFailure
from inferd.schema.endpoint import Endpoint, Secrets
from inferd.store import rows
from inferd.vault import MasterKey, SealBroken, Vault
from tests.plain_endpoints import api_key, endpoint, restore

VAULT = Vault(MasterKey(bytes(32), Path("/k")), "endpoint secrets")


def test_a_row_comes_back_as_it_was() -> None:
    row = rows.sealed(endpoint("chat"), api_key(), VAULT)
    assert b"sk-cafe" not in row.document + row.sealed
    secrets = rows.opened("chat", row, VAULT)
    assert dict(secrets) == {"api_key": "sk-cafe0123456789"}
    assert rows.restored("chat", row.document, secrets, restore) == endpoint("chat")
    assert dict(rows.opened("chat", rows.sealed(endpoint("chat"), Secrets(), VAULT), VAULT)) == {}


def test_secrets_open_for_their_id_their_document_and_their_key_only() -> None:
    row = rows.sealed(endpoint("chat"), api_key(), VAULT)
    with pytest.raises(SealBroken, match=r"\[chat2\]"):
        rows.opened("chat2", row, VAULT)
    with pytest.raises(SealBroken, match=r"\[chat\] do not open"):
        rows.opened("chat", row._replace(document=row.document.replace(b"gpt-4o", b"gpt-4x")), VAULT)
    with pytest.raises(SealBroken, match=r"^the secrets of \[chat\] were sealed with another key \(id ab\)$"):
        rows.opened("chat", row._replace(key_id="ab"), VAULT)


def test_only_whole_rows_are_taken() -> None:
    assert rows.checked("chat", [b"{}", "ab", b"s"]) == rows.Row(b"{}", "ab", b"s")
    for values in ([None, "ab", b"s"], [b"{}", None, None], [b"{}", "ab", "s"]):
        with pytest.raises(rows.RowDamaged) as caught:
            rows.checked("chat", values)
        assert str(caught.value) == "the row of [chat] is damaged: its document or its secrets are missing"


def test_a_document_that_no_service_takes_is_told_in_one_line_without_its_secrets() -> None:
    with pytest.raises(rows.RowDamaged) as caught:
        rows.restored("chat", b'{"service":"other"}', api_key(), restore)
    assert str(caught.value) == (
        "the endpoint [chat] cannot be restored: unknown service other with {'api_key': '***'}"
    )
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("error", [StatusFailure("no"), KeyError("no"), TypeError("no"), ValueError("no")])
def test_every_way_in_which_a_service_says_no_names_the_row(error: Exception) -> None:
    def refuse(_document: Document, _secrets: Secrets) -> Endpoint:
        raise error

    with pytest.raises(rows.RowDamaged, match=r"^the endpoint \[chat\] cannot be restored: '?no'?$"):
        rows.restored("chat", b"{}", api_key(), refuse)
