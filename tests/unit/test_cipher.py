"""AES-256-GCM as NIST has it, and nothing opens that was changed."""

import pytest

from inferd.cipher import Cipher

KEY, NONCE = bytes(32), bytes(12)

# Test case 14 of the specification of GCM (McGrew and Viega): key, nonce and one block of zeros.
PLAIN, SEALED = bytes(16), bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")


def test_it_is_the_cipher_of_the_standard() -> None:
    assert Cipher(KEY).encrypt(NONCE, PLAIN, b"") == SEALED
    assert Cipher(KEY).decrypt(NONCE, SEALED, b"") == PLAIN


@pytest.mark.parametrize(
    ("key", "nonce", "sealed", "associated"),
    [
        (bytes(31) + b"1", NONCE, SEALED, b""),
        (KEY, bytes(11) + b"1", SEALED, b""),
        (KEY, NONCE, b"1" + SEALED[1:], b""),
        (KEY, NONCE, SEALED[:3], b""),
        (KEY, NONCE, SEALED, b"1"),
    ],
)
def test_what_was_changed_does_not_open(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> None:
    assert Cipher(key).decrypt(nonce, sealed, associated) is None
