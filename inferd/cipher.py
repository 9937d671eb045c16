"""AES-256-GCM, in a module of its own because its library is large: it is loaded when something is sealed or opened."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Cipher:
    """Encrypts and decrypts with one key of 32 bytes; never the same nonce twice."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def encrypt(self, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
        """The ciphertext of ``plain`` and its tag, which holds for ``associated``, too."""
        return self._aead.encrypt(nonce, plain, associated)

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes | None:
        """What was encrypted with this ``nonce`` and ``associated``; None if one of them is another."""
        try:
            return self._aead.decrypt(nonce, ciphertext, associated)
        except InvalidTag:
            return None
