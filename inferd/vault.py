"""Secrets sealed and opened, and the master key they are sealed with.

What stops the start of the daemon, each with a message of one line for its operator::

    StoreUnusable
    ├── KeyMissing        there are sealed secrets and no key
    ├── KeyUnreadable     the key file cannot be read or made, or others may read it
    ├── KeyDamaged        the key file holds no key
    ├── KeyWrong          the key is another one than the secrets were sealed with
    ├── SealBroken        something sealed was changed, damaged or moved
    └── (inferd.store adds what is wrong with the folder and the database)

One master key, and from it one derived key for each purpose (HKDF-SHA256, RFC 5869): a ciphertext of one purpose can
never be replayed in another. A sealed value is ``version (1 byte) | nonce (12) | AES-256-GCM ciphertext and tag``. The
random nonce is safe for 2**32 writes with one key (NIST SP 800-38D 8.3).
"""

import base64
import contextlib
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inferd.cipher import Cipher

KEY_BYTES = 32
# Far above any form a key is written in; a file that is longer was named by mistake and is not read whole.
_MAX_KEY_FILE = 1024
_NONCE_BYTES = 12
_VERSION = b"\x01"


class StoreUnusable(Exception):
    """What is on disk cannot be used as it is; nothing of it was changed. The message is one line, without secrets.

    ``remedy`` is what the operator of a daemon that does not start can do, where that is not in the message.
    """

    remedy = ""


class KeyMissing(StoreUnusable):
    """Secrets were sealed before, and their key is in none of its places."""

    remedy = "put a copy of it there"


class KeyUnreadable(StoreUnusable):
    """The key file cannot be read or made, or more people than the daemon may read it."""


class KeyDamaged(StoreUnusable):
    """The key file does not hold 32 bytes, raw, in hexadecimal or in base64."""

    remedy = "put a copy of the key there"


class KeyWrong(StoreUnusable):
    """The key is a good one, but not the one that sealed."""

    remedy = "put a copy of that one there, or run inferd rotate-key again if it was interrupted"


class SealBroken(StoreUnusable):
    """A sealed value does not open: it was changed, damaged or moved from where it was sealed."""

    remedy = "put a backup back with inferd restore --force"


class MasterKey:
    """The 32 bytes everything is derived from, and the file they came from; never printed."""

    __slots__ = ("_key", "source")

    def __init__(self, key: bytes, source: Path) -> None:
        self._key = key
        self.source = source

    def __repr__(self) -> str:
        return f"MasterKey(***, source={str(self.source)!r})"

    def __reduce__(self) -> str:
        raise TypeError("keys are not pickled")

    def derive(self, purpose: str, length: int = KEY_BYTES) -> bytes:
        """``length`` bytes, 32 at most, for ``purpose``; they tell nothing of the master key nor of other purposes."""
        # Without salt (RFC 5869, 2.2), and one block of it, which is all that is wanted (2.3).
        extracted = hmac.digest(bytes(KEY_BYTES), self._key, "sha256")
        return hmac.digest(extracted, f"inferd/1/{purpose}".encode() + b"\x01", "sha256")[:length]


class KeyPlaces(NamedTuple):
    """Where the master key is looked for: the systemd credential, if there is one, else the file."""

    credential: Path | None
    file: Path

    @classmethod
    def of(cls, directory: Path, key_file: Path | None, environ: Mapping[str, str]) -> "KeyPlaces":
        """The places for the store in ``directory``; ``key_file`` is the option ``[store] key_file``."""
        credentials = environ.get("CREDENTIALS_DIRECTORY")
        return cls(Path(credentials, "inferd.key") if credentials else None, key_file or directory / "key")

    def find(self) -> MasterKey | None:
        """The key, None where there is none yet; raises KeyUnreadable and KeyDamaged."""
        if self.credential is not None:
            # systemd vouches for the credential; its mode may show group bits that are ACLs (systemd issue 29435).
            content = _read(self.credential, private=False)
            if content is not None:
                return MasterKey(_decode(content, self.credential), self.credential)
        content = _read(self.file, private=True)
        return None if content is None else MasterKey(_decode(content, self.file), self.file)

    def make(self) -> MasterKey:
        """A new key, in the file and synced; raises KeyUnreadable, also when the file is there: no key is replaced."""
        key = secrets.token_bytes(KEY_BYTES)
        try:
            _write_new(self.file, base64.b64encode(key) + b"\n")
        except OSError as error:
            raise KeyUnreadable(f"the key file {self.file} cannot be made: {error.strerror}") from error
        return MasterKey(key, self.file)

    def __str__(self) -> str:
        return f"{self.credential} and {self.file}" if self.credential is not None else str(self.file)


class Vault:
    """Seals and opens with the key that ``master`` gives for one purpose.

    ``key_id`` names the master key and ``check`` proves it, without giving anything of it away: both are kept beside
    what is sealed, so that a wrong key is noticed before it is used and a later rotation knows which key a value wants.
    """

    def __init__(self, master: MasterKey, purpose: str) -> None:
        self._key = master.derive(f"seal/{purpose}")
        self.source = master.source
        self.key_id = master.derive("key id", 8).hex()
        self.check = master.derive("check")

    def __repr__(self) -> str:
        return f"Vault(***, key_id={self.key_id!r})"

    @cached_property
    def _cipher(self) -> "Cipher":
        # A store without secrets, and the other commands, do without the library: 7 MB and 12 ms.
        from inferd.cipher import Cipher

        return Cipher(self._key)

    def verify(self, key_id: str, check: bytes) -> None:
        """Raise KeyWrong unless ``key_id`` and ``check``, as kept beside the sealed values, are those of this key."""
        if key_id != self.key_id:
            raise KeyWrong(
                f"the key in {self.source} is not the one the secrets were sealed with: "
                f"its id is {self.key_id}, that of the secrets is {key_id}"
            )
        if not hmac.compare_digest(check, self.check):
            raise KeyWrong(f"the key in {self.source} does not match the check value of the secrets: one is damaged")

    def seal(self, plain: bytes, name: str, bound: bytes = b"") -> bytes:
        """``plain`` sealed for ``name``; it opens only with the same name and the same ``bound`` bytes."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _associated(name, bound))

    def open(self, sealed: bytes, name: str, bound: bytes = b"") -> bytes:
        """What was sealed for ``name`` with ``bound``; raises SealBroken, which says the name."""
        version, nonce, ciphertext = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if version != _VERSION or len(nonce) != _NONCE_BYTES:
            raise SealBroken(f"the secrets of [{name}] are damaged: they are in no form this inferd knows")
        plain = self._cipher.decrypt(nonce, ciphertext, _associated(name, bound))
        if plain is None:
            raise SealBroken(f"the secrets of [{name}] do not open: they or their endpoint were changed")
        return plain


def _associated(name: str, bound: bytes) -> bytes:
    # The length in front keeps name and bound apart: ("ab", "c") is not ("a", "bc").
    encoded = name.encode()
    return len(encoded).to_bytes(4, "big") + encoded + bound


def _read(path: Path, *, private: bool) -> bytes | None:
    try:
        # Without O_NONBLOCK a pipe named by mistake would hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyUnreadable(f"the key file {path} cannot be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyUnreadable(f"the key file {path} is not a file")
        if private:
            _refuse_exposed(path, status)
        try:
            return file.read(_MAX_KEY_FILE)
        except OSError as error:
            raise KeyUnreadable(f"the key file {path} cannot be read: {error.strerror}") from error


def _refuse_exposed(path: Path, status: os.stat_result) -> None:
    # A file of root's, readable by the daemon's group, is how an administrator lends a key: only our own must be 0600.
    allowed = 0o700 if status.st_uid == os.geteuid() else 0o740
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~allowed:
        raise KeyUnreadable(f"the key file {path} is open to others (mode {mode:04o}): chmod 600 it")


def _decode(content: bytes, path: Path) -> bytes:
    if len(content) == KEY_BYTES:
        return content
    text = content.strip()
    with contextlib.suppress(ValueError):
        hexadecimal = len(text) == 2 * KEY_BYTES
        key = bytes.fromhex(text.decode("ascii")) if hexadecimal else base64.b64decode(text, validate=True)
        if len(key) == KEY_BYTES:
            return key
    raise KeyDamaged(f"the key file {path} does not hold a key: 32 bytes, raw, in hexadecimal or in base64")


def _write_new(path: Path, content: bytes) -> None:
    """Write ``path`` so that it is there whole and synced, or not at all; FileExistsError where it is there already."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, because a rename would replace a key that another start has just made.
        os.link(part, path)
        os.fsync(descriptor)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
        os.close(descriptor)
