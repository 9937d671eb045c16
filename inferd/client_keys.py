"""The keys of inferd's clients: made, listed and revoked in one file of the store folder; only their digests are kept.

The file is replaced whole, so that a daemon which reads it at any moment finds the old or the new state of it.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from inferd.store.files import prepare, sync_folder
from inferd.vault import StoreUnusable

FILE = "client-keys.json"

# What people and secret scanners know a key by.
PREFIX = "inferd_"

# 32 random bytes cannot be guessed, so a plain digest of them needs neither salt nor slowness.
_RANDOM_BYTES = 32

# As it stands in the log and in error texts.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

Role = Literal["user", "admin"]


class KeysUnusable(StoreUnusable):
    """The file of client keys is damaged, or cannot be read or written."""


class BadKeyName(ValueError):
    """A name that no key can have, or that one has already, or that none has."""


class ClientKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key as it is kept: ``sha256`` in hexadecimal; ``created`` is shown to people only."""

    name: str
    role: Role
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    created: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    keys: list[ClientKey]


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read(directory: Path) -> list[ClientKey]:
    """All keys, none where there is no file; raises KeysUnusable."""
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).keys
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise KeysUnusable(f"the client keys {path} cannot be read: {problem.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise KeysUnusable(f"the client keys {path} are damaged: {problem}") from None


def create(directory: Path, name: str, role: Role) -> str:
    """A new key, to be shown once; raises BadKeyName and StoreUnusable."""
    if not _NAME.fullmatch(name):
        raise BadKeyName(f"[{name}] cannot be the name of a key: up to 64 letters, digits and . _ @ -")
    prepare(directory)
    with _changing(directory) as keys:
        if any(known.name == name for known in keys):
            raise BadKeyName(f"there is a key [{name}] already: revoke it first, or take another name")
        key = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        keys.append(ClientKey(name, role, digest(key), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())))
    return key


def revoke(directory: Path, name: str) -> None:
    """Takes the key away; raises BadKeyName and StoreUnusable."""
    with _changing(directory) as keys:
        left = [known for known in keys if known.name != name]
        if len(left) == len(keys):
            raise BadKeyName(f"there is no key [{name}]")
        keys[:] = left


@contextlib.contextmanager
def _changing(directory: Path) -> Iterator[list[ClientKey]]:
    """The keys, to be changed in place; they are written, durably, unless the block raises."""
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise KeysUnusable(f"the store folder {directory} cannot be used: {problem.strerror}") from None
    try:
        # On the folder, not on a file of its own: a daemon that runs has its own lock elsewhere.
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = read(directory)
        yield keys
        _write(directory / FILE, msgspec.json.format(msgspec.json.encode(_File(1, keys))))
    except OSError as problem:
        raise KeysUnusable(f"the client keys in {directory} cannot be written: {problem.strerror}") from None
    finally:
        os.close(folder)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            owner = path.parent.stat()
            if os.geteuid() == 0:
                # An administrator makes keys for a daemon that runs as somebody else.
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)
